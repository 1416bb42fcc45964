"""What somebody with a valid key, a hook's secret or SQL may try, and must not get."""

from __future__ import annotations

import json
from time import process_time

import httpx

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
