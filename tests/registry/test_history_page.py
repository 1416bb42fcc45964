"""The page "what was live": for every signed-in account, for nobody else, and without a script."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Browser, HttpCredentials, sync_playwright

from caregate.clock import system_clock
from caregate.settings import Settings
from registry.actor import Visit, visiting
from registry.registrations import REGISTERED
from registry.server.history_page import HistoryPages, render
from tests.registry.played import Played
from tests.registry.toys import Server

CHROMIUM = Path("/usr/bin/chromium")
QUIET = ["--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking", "--disable-sync"]
PAGE = "/caregate/history/no-show"
SCRIPT = "<script>alert(1)</script>"


@pytest.fixture(scope="module")
def life(server: Server) -> Played:
    """A version in use in the server's home, and a refusal whose words are a script."""
    life = Played(server.settings, model="no-show")
    life.approve(901, "rita")
    life.wait(1)
    life.promote(901)
    life.ledger().append("eve", "approval.refuse", "no-show/901", why=SCRIPT)
    life.ledger().append("pipeline", REGISTERED, "no-show/902", tags={"author": SCRIPT})
    return life


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=QUIET)
        yield chromium
        chromium.close()


def read(server: Server, who: str, path: str = PAGE, **asked: str) -> httpx.Response:
    with server.client(who) as client:
        return client.get(path, params=asked)


class TestWhoReads:
    @pytest.mark.parametrize("who", ["ada", "rita", "otto", "admin"])
    def test_every_signed_in_account(self, server: Server, life: Played, who: str) -> None:
        found = read(server, who)
        assert found.status_code == 200
        assert "no-show version 901 was in use" in found.text or "no-show version 901 was live" in found.text

    def test_nobody_who_is_not(self, server: Server, life: Played) -> None:
        for sign_in in (None, ("rita", "wrong"), ("nobody", "wrong"), ("", "")):
            found = httpx.get(server.url + PAGE, auth=sign_in)
            assert found.status_code == 401
            assert "901" not in found.text
            assert found.headers["www-authenticate"].startswith("Basic")

    @pytest.mark.parametrize("header", ["Bearer x", "Basic", "Basic !!!!", "Basic Og=="])
    def test_nobody_with_a_header_that_is_no_sign_in(self, server: Server, header: str) -> None:
        assert httpx.get(server.url + PAGE, headers={"authorization": header}).status_code == 401

    def test_nobody_writes(self, server: Server) -> None:
        with server.client("ada") as client:
            assert client.post(PAGE).status_code == 405


class TestBehindASingleSignOn:
    """There the proxy alone says who a person is; a password opens nothing."""

    @staticmethod
    def answer(home: Settings, proven: str | None) -> httpx.Response:
        class Passwords:
            def authenticate_user(self, username: str, password: str) -> bool:
                return True

        async def ask() -> httpx.Response:
            settings = home.model_copy(update={"single_sign_on": True})
            page = HistoryPages(FileNotFoundError, settings, Passwords(), system_clock)  # type: ignore[arg-type]
            transport = httpx.ASGITransport(page)
            async with httpx.AsyncClient(transport=transport, base_url="http://here", auth=("rita", "x")) as client:
                with visiting(Visit(proven=proven)):
                    return await client.get("/caregate/history/readmission-risk")

        return asyncio.run(ask())

    def test_whom_the_proxy_names_reads(self, home: Settings) -> None:
        assert self.answer(home, "rita").status_code == 200

    def test_whom_it_does_not_name_reads_nothing(self, home: Settings) -> None:
        found = self.answer(home, None)
        assert found.status_code == 401
        assert "www-authenticate" not in found.headers


class TestWhatItSays:
    def test_strangers_words_are_text(self, server: Server, life: Played) -> None:
        found = read(server, "otto").text
        assert SCRIPT not in found
        assert found.count("&lt;script&gt;") == 2

    def test_its_headers_let_no_script_run(self, server: Server, life: Played) -> None:
        found = read(server, "otto").headers
        assert "default-src 'none'" in found["content-security-policy"]
        assert "script" not in found["content-security-policy"]
        assert (found["x-content-type-options"], found["cache-control"]) == ("nosniff", "no-store")

    @pytest.mark.parametrize(
        ("at", "why"),
        [
            ("2026-05-04T12:00:00", "no zone"),
            ("2999-01-01", "lies ahead"),
            (SCRIPT, "no moment"),
            ("2999-05-04T12:00:00 02:00", "lies ahead"),
        ],
    )
    def test_of_a_moment_that_is_none_says_why(self, server: Server, at: str, why: str) -> None:
        found = read(server, "otto", at=at)
        assert found.status_code == 422
        assert why in found.text
        assert SCRIPT not in found.text

    @pytest.mark.parametrize("path", ["/caregate/history/bogus", "/caregate/history/", "/caregate/other"])
    def test_of_what_is_not_there_says_so(self, server: Server, path: str) -> None:
        assert read(server, "otto", path).status_code == 404

    def test_of_a_model_never_in_use_says_so(self, server: Server) -> None:
        assert (
            "nothing of readmission-risk was in use" in read(server, "otto", "/caregate/history/readmission-risk").text
        )


@pytest.mark.skipif(not CHROMIUM.exists(), reason=f"{CHROMIUM} is not installed (Debian: chromium)")
class TestOnScreens:
    @pytest.mark.parametrize("width", [390, 768, 1280])
    def test_it_fits_with_the_answer_first_and_asks_for_nothing_else(
        self, browser: Browser, server: Server, life: Played, width: int
    ) -> None:
        sign_in = HttpCredentials(username="otto", password=server.passwords["otto"])
        context = browser.new_context(http_credentials=sign_in, viewport={"width": width, "height": 800})
        page, asked, said = context.new_page(), [], []
        page.on("request", lambda request: asked.append(request.url))
        page.on("console", lambda message: said.append(message.text))
        page.goto(server.url + PAGE)
        assert page.evaluate("document.documentElement.scrollWidth") == width
        answer = page.locator(".answer").bounding_box()
        assert answer is not None
        assert answer["y"] < 400
        assert [url for url in asked if url != server.url + PAGE and not url.endswith("/favicon.ico")] == []
        assert [text for text in said if "favicon" not in text and "401" not in text] == []


def test_a_page_without_a_model_names_those_there_are() -> None:
    assert 'href="/caregate/history/no-show"' in render("", problem="There is no such model or page here.")
