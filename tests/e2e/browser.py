"""MLflow's pages as people use them: a real browser, without a screen."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Locator, Page, expect, sync_playwright

from registry import names
from tests.registry.toys import Server

CHROMIUM = Path("/usr/bin/chromium")
NEEDS_CHROMIUM = pytest.mark.skipif(not CHROMIUM.exists(), reason=f"{CHROMIUM} is not installed (Debian: chromium)")
QUIET = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
PATIENCE = 30_000
"""Milliseconds until something on a page has to be there."""
SEEN = "mlflow.assistant.fab.autoOpenedOnFirstLoad_v1", "_mlflow_model_registry_promo_modal_dismissed_v1"
"""What MLflow shows of itself at a first visit is in the way of clicks."""
WIDTH, HEIGHT = 1280, 1150


@contextmanager
def chromium() -> Iterator[Browser]:
    """Run the browser until the block ends."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=QUIET)
        yield browser
        browser.close()


def sign_in(browser: Browser, server: Server, who: str, *, password: str = "", height: int = HEIGHT) -> Page:
    """Return a page of somebody who typed their name and password into the browser's own dialog."""
    context = browser.new_context(
        http_credentials={"username": who, "password": password or server.passwords[who]},
        viewport={"width": WIDTH, "height": height},
        timezone_id="UTC",
    )
    for key in SEEN:
        context.add_init_script(f"localStorage.setItem('{key}', 'true')")
    page = context.new_page()
    page.set_default_timeout(PATIENCE)
    return page


def open_version(page: Page, server: Server, model: str, version: int) -> None:
    """Open a version's page and wait for what a reviewer goes by."""
    page.goto(f"{server.url}/#/models/{model}/versions/{version}")
    expect(tag(page, names.APPROVAL)).to_be_visible(timeout=PATIENCE)


def tag(page: Page, key: str) -> Locator:
    """Return the row of a version's tag."""
    return page.locator(f"tr[data-row-key='{key}']")


def set_tag(page: Page, key: str, value: str) -> None:
    """Give a tag that is there another value."""
    row = tag(page, key)
    row.get_by_test_id("editable-table-button-edit").click()
    row.get_by_role("textbox").fill(value)
    row.get_by_test_id("editable-table-button-save").click()


def set_approval(page: Page, value: str) -> None:
    """Make the reviewer's one gesture."""
    set_tag(page, names.APPROVAL, value)
