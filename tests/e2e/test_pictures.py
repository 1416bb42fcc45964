"""The pictures in the docs: taken on a copy of a real home, when the environment names one."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from caregate.settings import load_settings
from governance.database import open_database
from governance.people import Role
from registry import names
from registry.accounts import create_account
from registry.promotion import promote
from registry.versions import versions_of
from tests.e2e.browser import NEEDS_CHROMIUM, PATIENCE, open_version, set_approval, sign_in, tag
from tests.registry.toys import running_server

IMAGES = Path(__file__).parents[2] / "docs" / "images"
REAL_HOME = "CAREGATE_PICTURE_HOME"
"""Set it to a home with a version of `no-show` that awaits its sign-off."""
SIDE = 196
"""Width of MLflow's menu, which no picture shows."""

pytestmark = [
    NEEDS_CHROMIUM,
    pytest.mark.skipif(REAL_HOME not in os.environ, reason=f"{REAL_HOME} names no home to take pictures of"),
]


def take(page: Page, name: str, *, top: int = 0, height: int = 1000, left: int = SIDE) -> None:
    area = {"x": left, "y": top, "width": 1280 - left, "height": height}
    page.screenshot(path=IMAGES / f"{name}.png", clip=area)  # type: ignore[arg-type]


def test_the_pictures_in_the_docs(browser: Browser, tmp_path: Path) -> None:
    home = tmp_path / "home"
    shutil.copytree(os.environ[REAL_HOME], home)
    settings = load_settings(home=home)
    people = {name: create_account(settings, name, Role.REVIEWER, by="test") for name in ("maria", "ron")}
    registry = open_database(settings.registry_url)
    last = versions_of(registry, "no-show")[-1]
    with running_server(settings, people) as server:
        page = sign_in(browser, server, "maria", height=1700)
        open_version(page, server, last.model, last.version)
        expect(page.get_by_text("To decide")).to_be_visible(timeout=PATIENCE)
        take(page, "version-pending", height=1330)

        with page.context.expect_page() as opened:
            page.get_by_role("link", name="evidence/report.html").first.click()
        report = opened.value
        expect(report.frame_locator("iframe").locator(".verdicts li").last).to_be_visible(timeout=PATIENCE)
        report.set_viewport_size({"width": 1280, "height": 1000})
        take(report, "report", height=980)
        report.close()

        set_approval(page, "rejected: no")
        notice = page.get_by_role("alert").filter(has_text="Refused").first
        expect(notice).to_be_visible(timeout=PATIENCE)
        take(page, "refused", height=330)

        page.reload()
        set_approval(page, "approved")
        expect(tag(page, names.APPROVED_BY)).to_contain_text("maria", timeout=PATIENCE)
        promote(settings, last.model, last.version)
        page.reload()
        expect(page.get_by_text("champion", exact=True).first).to_be_visible(timeout=PATIENCE)
        expect(tag(page, names.APPROVED_BY)).to_be_visible(timeout=PATIENCE)
        tags = page.get_by_role("button", name="Tags")
        tags.scroll_into_view_if_needed()
        take(page, "approval", height=1330)

        page.set_viewport_size({"width": 1000, "height": 800})
        page.goto(f"{server.url}/caregate/history/{last.model}")
        expect(page.locator(".answer")).to_be_visible(timeout=PATIENCE)
        page.screenshot(path=IMAGES / "history.png", clip={"x": 0, "y": 0, "width": 1000, "height": 632})
