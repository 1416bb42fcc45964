"""What somebody with a valid key, a hook's secret or SQL may try, and must not get."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from contextlib import suppress
from time import process_time

import httpx
import pytest

from governance.consents import Consents
from governance.database import ledger_database
from governance.harm_reports import MOST_A_DAY, Happened, HarmReport, HarmReports, notes_of
from governance.incidents import Incidents
from governance.people import Role
from governance.recorded import RecordedPredictions
from serving.withholding import NO_CONSENT
from tests.serving.clinic import vault_of
from tests.serving.conftest import Clinic

SCORES = "/v1/models/no-show/predictions"


def ask(crm: httpx.Client, *instances: dict) -> list[dict]:
    answer = crm.post(SCORES, json={"purpose": "reminder", "instances": list(instances)})
    assert answer.status_code == 200
    return answer.json()["predictions"]


class TestNamingAnotherPatient:
    def test_the_consent_of_the_one_whose_record_it_is_counts(self, clinic: Clinic, crm: httpx.Client) -> None:
        instance = clinic.instances[-31]
        patient = clinic.snapshot_tokens()["patient"][instance["patient_id"]]
        book = Consents(ledger_database(clinic.settings))
        book.revoke(patient, "score", by="tester")
        try:
            found = ask(crm, instance | {"patient_id": "nobody"})
            many = ask(crm, *({**item, "patient_id": "nobody"} for item in clinic.instances[-60:]))
        finally:
            book.grant(patient, "score", by="tester")
        assert found[0]["why"] == many[-31]["why"] == NO_CONSENT

    def test_the_score_is_that_of_the_one_whose_record_it_is(self, clinic: Clinic, crm: httpx.Client) -> None:
        instance = clinic.instances[-32]
        (named,), (misnamed,) = ask(crm, instance), ask(crm, instance | {"patient_id": "nobody"})
        assert (named["score"], named["reasons"]) == (misnamed["score"], misnamed["reasons"])
        recorded = RecordedPredictions(ledger_database(clinic.settings), clinic.settings.journal_dir)
        found = recorded.find(misnamed["prediction_id"])
        assert found is not None
        assert found.patient == clinic.snapshot_tokens()["patient"][instance["patient_id"]]


class TestHoldingConnections:
    def test_a_head_that_does_not_end_in_time_loses_its_connection(
        self, address: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("serving.connection.HEAD_SECONDS", 0.2)
        with connected(address) as line:
            line.sendall(b"GET /healthz HTTP/1.1\r\nHost: a\r\nX-Slow: ")
            assert is_closed(line)

    def test_a_connection_on_which_nothing_is_asked_is_closed(
        self, address: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("serving.connection.HEAD_SECONDS", 0.2)
        with connected(address) as line:
            assert is_closed(line)

    def test_a_head_without_end_loses_its_connection(self, address: str) -> None:
        with connected(address) as line, suppress(OSError):
            line.sendall(b"GET /healthz HTTP/1.1\r\nHost: a\r\nX-Long: " + b"a" * 2_000_000)
            assert is_closed(line)

    def test_so_do_trailers_without_end(self, address: str) -> None:
        with connected(address) as line, suppress(OSError):
            line.sendall(b"GET /healthz HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n")
            for _ in range(100):
                line.sendall(b"X-Trailer: " + b"a" * 65_536 + b"\r\n")
            raise AssertionError("it took six megabytes of trailers")


class TestSayingWhereOneIs:
    def test_a_guesser_is_counted_under_its_own_address_whatever_it_says(self, http: httpx.Client) -> None:
        found = {
            http.post("/v1/hooks/messages", headers={"X-Forwarded-For": f"192.0.2.{place}"}).status_code
            for place in range(40)
        }
        assert found == {401, 429}


@pytest.fixture
def flooder(clinic: Clinic, address: str) -> Iterator[httpx.Client]:
    """A client whose slow key opens everything."""
    if clinic.people.find("flooder") is None:
        clinic.people.add("flooder", Role.CRM, by="tester", service=True)
    key = clinic.keys.issue("flooder", by="tester", rate_per_second=0.001)
    with httpx.Client(base_url=address, headers={"Authorization": f"Bearer {key}"}, timeout=30) as client:
        yield client


class TestReportingWithoutEnd:
    def test_outcomes_count_one_by_one(self, flooder: httpx.Client) -> None:
        said = {"prediction_id": "A" * 22, "happened": True, "known_at": "2026-05-01T00:00:00Z"}
        statuses = [flooder.post("/v1/outcomes", json={"outcomes": [said] * 600}).status_code for _ in range(2)]
        assert statuses == [200, 429]

    def test_reviews_and_reports_of_harm_count_as_more_than_a_question(self, flooder: httpx.Client) -> None:
        decided = {"verdict": "agree", "decided": "other", "reviewer": "desk-7"}
        reviewed = [flooder.post(f"/v1/predictions/{'A' * 22}/review", json=decided).status_code for _ in range(101)]
        assert (reviewed[0], reviewed[-1]) == (404, 429)

    def test_harm_beyond_twenty_reports_a_day_is_kept_with_an_incident_that_stands(
        self, clinic: Clinic, flooder: httpx.Client
    ) -> None:
        engine = ledger_database(clinic.settings)
        before = len(Incidents(engine).all())
        vault, recorded = vault_of(clinic.settings), RecordedPredictions(engine, clinic.settings.journal_dir)
        reports = HarmReports(engine, vault, recorded)
        taken = [
            reports.take(
                HarmReport(Happened.UNFAIR if place % 2 else Happened.OTHER, note=str(place)), client="flooder"
            )
            for place in range(23)
        ]
        assert [is_new for _, is_new in taken] == [True] * MOST_A_DAY + [False] * 3
        assert len(Incidents(engine).all()) == before + MOST_A_DAY
        assert notes_of(taken[21][0].id, engine, vault) == ["19", "21"]


class TestLargeQuestions:
    def test_a_hook_with_thousands_of_resources_takes_time_in_step_with_them(self, crm: httpx.Client) -> None:
        services = crm.get("/cds-services").json()["services"]
        service = next(item["id"] for item in services if item["hook"] == "appointment-book")
        codings = {"code": {"coding": [{}]}}
        body = {
            "hook": "appointment-book",
            "hookInstance": "4a3da0f4-0000-4000-8000-000000000000",
            "context": {"patientId": "P-1", "appointments": bundle("Appointment", 6000, {})},
            "prefetch": {"conditions": bundle("Condition", 6000, codings)},
        }
        began = process_time()
        answer = crm.post(f"/cds-services/{service}", content=json.dumps(body, separators=(",", ":")))
        assert answer.status_code == 413
        assert process_time() - began < 5  # it was 17 s; in step it is a tenth of one


def bundle(kind: str, count: int, content: dict) -> dict:
    return {"entry": [{"resource": {"resourceType": kind, **content}}] * count}


def connected(address: str) -> socket.socket:
    host, _, port = address.removeprefix("http://").partition(":")
    return socket.create_connection((host, int(port)), timeout=10)


def is_closed(line: socket.socket) -> bool:
    """Wait until the other side has ended the connection."""
    try:
        return line.recv(1) == b""
    except ConnectionError:
        return True
