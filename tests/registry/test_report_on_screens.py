"""The report as a browser shows it: on a desk, on a phone and on paper, without a network."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from registry.card import fill_card
from registry.report import render_report
from tests.registry.evidence_makers import full_evidence, full_plots

CHROMIUM = Path("/usr/bin/chromium")
QUIET = ["--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking", "--disable-sync"]
DESK, PHONE = {"width": 1280, "height": 900}, {"width": 390, "height": 844}
BEYOND = """() => [...document.querySelectorAll('body *')]
    .filter(each => !each.closest('.wide, .drawing') && each.getBoundingClientRect().right > innerWidth + 1)
    .map(each => each.tagName)"""
FAINT = """() => [...document.querySelectorAll('p, li, td, th, dd, dt, span, small, figcaption, a')].map(each => {
    const light = rgb => rgb.match(/[0-9.]+/g).slice(0, 3).map(Number).map(part => part / 255)
        .map(part => part <= 0.03928 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4)
        .reduce((sum, part, place) => sum + part * [0.2126, 0.7152, 0.0722][place], 0);
    return 1.05 / (light(getComputedStyle(each).color) + 0.05)}).reduce((least, ratio) => Math.min(least, ratio), 21)"""

pytestmark = pytest.mark.skipif(not CHROMIUM.exists(), reason=f"{CHROMIUM} is not installed (Debian: chromium)")


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=QUIET)
        yield chromium
        chromium.close()


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    evidence = full_evidence()
    path = tmp_path_factory.mktemp("report") / "report.html"
    path.write_text(render_report(evidence, full_plots(), fill_card(evidence)), encoding="utf-8")
    return path


@pytest.fixture
def opened(browser, file):
    """Opens the report without a network; returns the page and what it asked for."""
    asked: list[str] = []

    def open_at(viewport: dict[str, int]) -> tuple[Page, list[str]]:
        page = browser.new_context(viewport=viewport, offline=True).new_page()
        page.on("request", lambda request: asked.append(request.url))
        page.goto(file.as_uri())
        return page, asked

    return open_at


class TestOnEveryScreen:
    @pytest.mark.parametrize("viewport", [DESK, PHONE], ids=["desk", "phone"])
    def test_nothing_lies_beyond_the_edge_but_what_scrolls(self, opened, viewport):
        page, _ = opened(viewport)
        assert page.evaluate(BEYOND) == []
        assert page.evaluate("document.documentElement.scrollWidth") == viewport["width"]

    def test_asks_for_nothing_but_itself(self, opened, file):
        _, asked = opened(DESK)
        assert asked == [file.as_uri()]

    def test_text_stands_out_from_the_paper(self, opened):
        page, _ = opened(DESK)
        assert page.evaluate(FAINT) >= 4.5

    def test_the_first_screen_of_a_desk_holds_verdicts_and_the_gravest_worry(self, opened):
        page, _ = opened(DESK)
        assert page.locator(".verdicts li").last.bounding_box()["y"] < DESK["height"]
        assert page.locator(".worries li").first.bounding_box()["y"] < DESK["height"]

    def test_headings_skip_no_level(self, opened):
        page, _ = opened(DESK)
        levels = page.evaluate("[...document.querySelectorAll('h1,h2,h3,h4')].map(each => Number(each.tagName[1]))")
        assert levels[0] == 1
        assert all(after - before <= 1 for before, after in pairwise(levels))

    def test_every_link_leads_somewhere(self, opened):
        page, _ = opened(DESK)
        links = page.evaluate("[...document.querySelectorAll('a[href]')].map(each => each.getAttribute('href'))")
        assert links
        assert all(page.locator(f"[id='{link.removeprefix('#')}']").count() == 1 for link in set(links))


class TestOnPaper:
    def test_a_gate_begins_a_page(self, opened):
        page, _ = opened(DESK)
        page.emulate_media(media="print")
        breaks = page.evaluate(
            "[...document.querySelectorAll('section.gate')].map(each => getComputedStyle(each).breakBefore)"
        )
        assert set(breaks) == {"page"}

    def test_it_can_be_printed(self, opened):
        page, _ = opened(DESK)
        assert page.pdf(prefer_css_page_size=True).startswith(b"%PDF")
