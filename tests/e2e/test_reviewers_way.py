"""The reviewer's way, whole, in a real browser: from signing in to what the CRM is told, and back."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from flows.watch import watch
from governance.client_keys import ClientKeys
from governance.database import ledger_database
from governance.people import People, Role
from models.artifact import load_model
from models.spec import RiskClass
from registry import names
from registry.brief import review_brief
from registry.evidence import write_evidence
from registry.launch import home_environment
from registry.promotion import promote
from registry.registering import Registered
from registry.vigil import keeping_vigil
from tests.e2e.browser import NEEDS_CHROMIUM, PATIENCE, open_version, set_approval, sign_in, tag
from tests.registry.evidence_makers import make_evidence
from tests.registry.toys import Server, free_ports, make_candidate, register

pytestmark = NEEDS_CHROMIUM

INSTANCE = {"record_id": "A-1", "patient_id": "P-1", "booked_at": "2026-06-01T10:00:00", "day": "2026-06-15", "age": 34}

FEATURES = ("inpatient_visits", "diagnoses")
"""Of the clinical model, which the toy is made to read."""


@pytest.fixture(scope="module")
def promoter(server: Server) -> Iterator[None]:
    """Promotes what is approved, as `caregate up` has it done but for Prefect's record of it."""
    stop, settings = threading.Event(), server.settings
    with keeping_vigil(settings):
        thread = threading.Thread(
            target=watch, args=(settings, stop, lambda model, version: promote(settings, model, version))
        )
        thread.start()
        yield
        stop.set()
        thread.join()


@pytest.fixture(scope="module")
def scoring(server: Server) -> Iterator[httpx.Client]:
    """The scoring server of the home, asked as the CRM."""
    base, ledger = free_ports(3), ledger_database(server.settings)
    People(ledger).add("clinic", Role.CRM, by="test", service=True)
    key = {"Authorization": f"Bearer {ClientKeys(ledger).issue('clinic', by='test')}"}
    environment = os.environ | home_environment(server.settings.model_copy(update={"port_base": base}))
    with (server.settings.home / "scoring.log").open("wb") as log:
        process = subprocess.Popen([sys.executable, "-m", "serving"], env=environment, stdout=log, stderr=log)
    with httpx.Client(base_url=f"http://127.0.0.1:{base + 2}", headers=key, timeout=30) as client:
        try:
            while not _answers(client):
                assert process.poll() is None
            yield client
        finally:
            process.terminate()
            process.wait(30)


def _answers(client: httpx.Client) -> bool:
    try:
        return client.get("/healthz").is_success
    except httpx.TransportError:
        time.sleep(0.1)
        return False


def with_evidence(server: Server, folder: Path) -> Registered:
    """Register a toy that carries the brief and the report of simulated rows."""
    evidence = make_evidence()
    gates = {gate.gate: gate.verdict for gate in evidence.gates}
    made = make_candidate(folder, "the-way", gates=gates, description=review_brief(evidence))
    write_evidence(folder / "evidence", evidence)
    return register(server.settings, made)


def version_tells(scoring: httpx.Client, model: str, version: int | None) -> dict[str, Any]:
    """Wait until the scoring server names `version`, and return what it says of it."""
    deadline = time.monotonic() + PATIENCE / 1000
    while (told := scoring.get(f"/v1/models/{model}").json())["version"] != version:
        assert time.monotonic() < deadline, f"scoring names version {told['version']}"
        time.sleep(0.1)
    found: dict[str, Any] = told
    return found


def reload_until(page: Page, shown: Locator) -> None:
    """Load the page anew, as a person would, until `shown` is on it."""
    deadline = time.monotonic() + PATIENCE / 1000
    while not shown.is_visible():
        assert time.monotonic() < deadline, f"{shown} is not on the page"
        page.reload()
        expect(tag(page, names.APPROVAL)).to_be_visible(timeout=PATIENCE)


class TestTheWay:
    def test_from_signing_in_to_scores_and_back(
        self, browser: Browser, server: Server, promoter: None, scoring: httpx.Client, tmp_path: Path
    ) -> None:
        version = with_evidence(server, tmp_path / "candidate")
        self._the_wrong_password_shows_nothing(browser, server)
        page = sign_in(browser, server, "rita")
        asked: list[str] = []
        page.on("request", lambda request: asked.append(request.url))

        open_version(page, server, version.model, version.version)
        expect(tag(page, names.APPROVAL)).to_contain_text("pending")
        verdicts = page.get_by_role("table").filter(has_text="verdict")
        expect(verdicts.get_by_role("row").filter(has_text="accuracy")).to_be_visible()
        expect(page.get_by_text("To decide")).to_be_visible()
        expect(page.get_by_text("set the tag approval to approved")).to_be_visible()

        with page.context.expect_page() as opened:
            page.get_by_role("link", name="evidence/report.html").first.click()
        report = opened.value.frame_locator("iframe")
        expect(report.get_by_role("heading", level=1)).to_be_visible(timeout=PATIENCE)
        expect(report.locator(".verdicts li").first).to_be_visible()
        opened.value.close()

        set_approval(page, "approved")
        expect(tag(page, names.APPROVAL)).to_contain_text("approved", timeout=PATIENCE)
        page.reload()
        expect(tag(page, names.APPROVED_BY)).to_contain_text("rita", timeout=PATIENCE)
        for stamp, holds in ((names.APPROVED_DIGEST, version.digest), (names.APPROVED_UNTIL, "20")):
            expect(tag(page, stamp)).to_contain_text(holds)
        reload_until(page, page.get_by_text("champion", exact=True).first)
        told = version_tells(scoring, version.model, version.version)
        assert (told["approved_by"], told["digest"]) == (["rita"], version.digest)

        page.goto(f"{server.url}/caregate/history/{version.model}")
        expect(page.locator(".answer")).to_contain_text("rita")
        open_version(page, server, version.model, version.version)
        set_approval(page, "revoked: the export was wrong")
        expect(tag(page, names.APPROVAL)).to_contain_text("revoked: the export was wrong", timeout=PATIENCE)
        assert "no standing approval" in version_tells(scoring, version.model, None)["why"]
        body = {"purpose": "reminder", "instances": [INSTANCE]}
        [answer] = scoring.post(f"/v1/models/{version.model}/predictions", json=body).json()["predictions"]
        assert (answer["status"], answer["score"]) == ("abstained", None)
        assert [url for url in asked if not url.startswith((server.url, "data:", "blob:"))] == []
        page.context.close()

    @staticmethod
    def _the_wrong_password_shows_nothing(browser: Browser, server: Server) -> None:
        page = sign_in(browser, server, "rita", password="not hers at all")
        answer = page.goto(server.url)
        assert answer is not None
        assert answer.status == httpx.codes.UNAUTHORIZED
        page.context.close()

    def test_a_clinical_model_takes_two(
        self, browser: Browser, server: Server, promoter: None, scoring: httpx.Client, tmp_path: Path
    ) -> None:
        evidence = make_evidence()
        clinical = replace(evidence, spec=replace(evidence.spec, risk_class=RiskClass.CLINICAL))
        made = make_candidate(
            tmp_path / "candidate",
            "two",
            model="readmission-risk",
            risk_class=RiskClass.CLINICAL,
            description=review_brief(clinical),
        )
        toy = load_model(made.folder)
        columns = tuple(replace(each, name=name) for each, name in zip(toy.columns, FEATURES, strict=True))
        replace(toy, name=made.model, columns=columns).save(made.folder)
        version = register(server.settings, made)
        for who, text in (("rita", "pending: 1 of 2, signed by rita"), ("clara", "approved")):
            page = sign_in(browser, server, who)
            open_version(page, server, version.model, version.version)
            expect(page.get_by_text("Two reviewers sign, one of them clinical")).to_be_visible()
            set_approval(page, "approved")
            expect(tag(page, names.APPROVAL)).to_contain_text(text, timeout=PATIENCE)
            page.reload()
            expect(tag(page, names.APPROVAL)).to_contain_text(text, timeout=PATIENCE)
            page.context.close()
        told = version_tells(scoring, version.model, version.version)
        assert told["approved_by"] == ["rita", "clara"]


class TestTheEvidence:
    def test_is_two_clicks_away(self, browser: Browser, server: Server, tmp_path: Path) -> None:
        version = register(server.settings, make_candidate(tmp_path / "candidate", "two-clicks", model="two-clicks"))
        page = sign_in(browser, server, "otto")
        page.goto(f"{server.url}/#/experiments/{version.experiment_id}/models/{version.model_id}/artifacts")
        page.get_by_text("evidence", exact=True).click()
        page.get_by_text("card.md", exact=True).click()
        expect(page.get_by_role("heading", name="A toy")).to_be_visible(timeout=PATIENCE)
        page.context.close()
