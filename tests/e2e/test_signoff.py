"""The sign-off as a person does it: a real browser on MLflow's own page."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Locator, Page, expect, sync_playwright

from caregate.settings import load_settings
from governance.database import open_database
from governance.people import Role
from registry import names
from registry.accounts import create_account
from registry.pages import REPORT
from registry.registering import Registered
from registry.versions import read_version, versions_of
from tests.registry.toys import Server, make_candidate, make_home, register, running_server

CHROMIUM = Path("/usr/bin/chromium")
QUIET = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
PICTURE = Path(__file__).parents[2] / "docs" / "images" / "approval.png"
REAL_HOME = "CAREGATE_PICTURE_HOME"
"""Set it to a home with a version that awaits its sign-off, and the picture in the docs is taken again from a copy."""
PATIENCE = 30_000

pytestmark = pytest.mark.skipif(not CHROMIUM.exists(), reason=f"{CHROMIUM} is not installed (Debian: chromium)")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server on a home of its own."""
    settings, passwords = make_home(tmp_path_factory.mktemp("signoff") / "home")
    with running_server(settings, passwords) as started:
        yield started


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Chromium, without a screen."""
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=QUIET)
        yield chromium
        chromium.close()


def register_toy(server: Server, folder: Path, run_key: str, author: str) -> Registered:
    return register(server.settings, make_candidate(folder, run_key, author=author))


def open_version(browser: Browser, server: Server, who: str, version: Registered) -> Page:
    context = browser.new_context(
        http_credentials={"username": who, "password": server.passwords[who]},
        viewport={"width": 1280, "height": 1150},
    )
    context.add_init_script("localStorage.setItem('mlflow.assistant.fab.autoOpenedOnFirstLoad_v1', 'true')")
    page = context.new_page()
    page.set_default_timeout(PATIENCE)
    page.goto(f"{server.url}/#/models/{version.model}/versions/{version.version}")
    expect(tag(page, names.APPROVAL)).to_contain_text("pending", timeout=PATIENCE)
    return page


def tag(page: Page, key: str) -> Locator:
    return page.locator(f"tr[data-row-key='{key}']")


def set_approval(page: Page, value: str) -> None:
    row = tag(page, names.APPROVAL)
    row.get_by_test_id("editable-table-button-edit").click()
    row.get_by_role("textbox").fill(value)
    row.get_by_test_id("editable-table-button-save").click()


class TestSigningInTheBrowser:
    def test_a_reviewer_approves_on_the_versions_page(self, browser: Browser, server: Server, tmp_path: Path) -> None:
        version = register_toy(server, tmp_path / "candidate", "approved-in-browser", "ada")
        page = open_version(browser, server, "rita", version)
        asked: list[str] = []
        page.on("request", lambda request: asked.append(request.url))
        page.reload()
        set_approval(page, "approved")
        expect(tag(page, names.APPROVAL)).to_contain_text("approved", timeout=PATIENCE)
        expect(tag(page, names.APPROVED_BY)).to_contain_text("rita", timeout=PATIENCE)
        found = read_version(open_database(server.settings.registry_url), version.model, version.version)
        assert (found.tags[names.APPROVAL], found.tags[names.APPROVED_BY]) == ("approved", "rita")
        assert [url for url in asked if not url.startswith((server.url, "data:"))] == []

    def test_the_evidence_is_two_clicks_away(self, browser: Browser, server: Server, tmp_path: Path) -> None:
        version = register_toy(server, tmp_path / "candidate", "evidence-in-browser", "ada")
        page = open_version(browser, server, "otto", version)
        page.goto(f"{server.url}/#/experiments/1/models/{version.model_id}/artifacts")
        page.get_by_text("evidence", exact=True).click()
        page.get_by_text("card.md", exact=True).click()
        expect(page.get_by_role("heading", name="A toy")).to_be_visible(timeout=PATIENCE)

    def test_the_report_is_one_click_away(self, browser: Browser, server: Server, tmp_path: Path) -> None:
        candidate = make_candidate(tmp_path / "candidate", "report-in-browser", description=f"Read `{REPORT}`.")
        (candidate.folder / REPORT).write_text("<h1>The whole evidence</h1>", encoding="utf-8")
        page = open_version(browser, server, "otto", register(server.settings, candidate))
        with page.context.expect_page() as opened:
            page.get_by_role("link", name=REPORT).click()
        report = opened.value.frame_locator("iframe").get_by_role("heading", name="The whole evidence")
        expect(report).to_be_visible(timeout=PATIENCE)

    def test_the_author_reads_why_not(self, browser: Browser, server: Server, tmp_path: Path) -> None:
        version = register_toy(server, tmp_path / "candidate", "own-in-browser", "ron")
        page = open_version(browser, server, "ron", version)
        set_approval(page, "approved")
        expect(page.get_by_text("the author may not sign off their own version")).to_be_visible(timeout=PATIENCE)
        found = read_version(open_database(server.settings.registry_url), version.model, version.version)
        assert found.tags[names.APPROVAL] == "pending"


@pytest.mark.skipif(REAL_HOME not in os.environ, reason=f"{REAL_HOME} names no home to take the picture of")
def test_the_picture_in_the_docs(browser: Browser, tmp_path: Path) -> None:
    home = tmp_path / "home"
    shutil.copytree(os.environ[REAL_HOME], home)
    settings = load_settings(home=home)
    reviewer = {"rita": create_account(settings, "rita", Role.REVIEWER, by="test")}
    last = versions_of(open_database(settings.registry_url), "no-show")[-1]
    with running_server(settings, reviewer) as server:
        page = open_version(browser, server, "rita", Registered(last.model, last.version, "", "", "", ""))
        set_approval(page, "approved")
        expect(tag(page, names.APPROVED_BY)).to_contain_text("rita", timeout=PATIENCE)
        page.screenshot(path=PICTURE)
