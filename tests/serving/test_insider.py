"""What somebody with a valid key, a hook's secret or SQL may try, and must not get."""

from __future__ import annotations

import json
import socket
from contextlib import suppress
from time import process_time

import httpx
import pytest

from governance.consents import Consents
from governance.database import ledger_database
from governance.recorded import RecordedPredictions
from serving.withholding import NO_CONSENT
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
