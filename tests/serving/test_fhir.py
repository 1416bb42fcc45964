"""Scores in FHIR R4: valid resources, percentages, and errors in the same language."""

from __future__ import annotations

import pytest
from fhir.resources.R4B.bundle import Bundle
from fhir.resources.R4B.capabilitystatement import CapabilityStatement
from fhir.resources.R4B.operationoutcome import OperationOutcome
from fhir.resources.R4B.riskassessment import RiskAssessment
from hypothesis import given
from hypothesis import strategies as st

from serving.exchange.fhir import prediction_id_of, uuid_of
from serving.question import random_id

URL = "/v1/models/no-show/risk-assessments"
CANARY = "Mrs-Canary-1947"


def ask(client, *instances, purpose="reminder", url=URL):
    return client.post(url, json={"purpose": purpose, "instances": list(instances)})


def assessments(reply):
    assert reply.status_code == 200, reply.text
    assert reply.headers["content-type"] == "application/fhir+json"
    bundle = Bundle.model_validate_json(reply.content)
    assert bundle.type == "collection"
    assert all(entry.fullUrl == f"urn:uuid:{entry.resource.id}" for entry in bundle.entry)
    return [entry.resource for entry in bundle.entry]


class TestRiskAssessment:
    def test_says_what_a_prediction_says(self, crm, clinic):
        instance = clinic.instances[-1]
        (found,) = assessments(ask(crm, instance))
        assert isinstance(found, RiskAssessment)
        assert found.status == "final"
        assert found.subject.identifier.value == instance["patient_id"]
        assert found.basis[0].identifier.value == instance["record_id"]
        assert found.method.coding[0].version == "1"
        (prediction,) = found.prediction
        assert prediction.outcome.text == "the patient did not come to the appointment"
        assert prediction.qualitativeRisk.coding[0].code in {"low", "medium", "high"}
        assert prediction.whenPeriod.start.isoformat() == instance["day"]
        assert "by" in prediction.rationale
        assert found.extension is None

    def test_a_probability_is_a_percentage(self, crm, clinic):
        instance = clinic.instances[-1]
        (found,) = assessments(ask(crm, instance))
        plain = crm.post("/v1/models/no-show/predictions", json={"purpose": "reminder", "instances": [instance]})
        score = plain.json()["predictions"][0]["score"]
        assert float(found.prediction[0].probabilityDecimal) == pytest.approx(100 * score)

    def test_one_that_abstained_is_cancelled_and_says_why(self, crm, clinic):
        (found,) = assessments(ask(crm, {**clinic.instances[-1], "day": None}))
        assert found.status == "cancelled"
        assert found.prediction[0].probabilityDecimal is None
        assert found.note[0].text == "The model abstained: missing required field: day"

    def test_one_without_a_patient_has_a_subject_nevertheless(self, crm):
        (found,) = assessments(ask(crm, {"record_id": "fhir-empty-1"}))
        assert found.subject.display == "not named by the client"

    def test_is_found_again_by_its_id(self, crm, clinic):
        instance = clinic.instances[-1]
        (found,) = assessments(ask(crm, instance))
        reply = crm.get(f"/v1/predictions/{found.identifier[0].value}/fhir")
        again = RiskAssessment.model_validate_json(reply.content)
        assert (again.id, again.status) == (found.id, "final")
        assert again.subject.identifier.value == instance["patient_id"]
        assert again.prediction[0].probabilityDecimal == found.prediction[0].probabilityDecimal


class TestErrors:
    def test_are_operation_outcomes_that_repeat_nothing(self, crm, http, clinic):
        replies = {
            "not-found": [crm.get("/v1/predictions/nobody/fhir"), ask(crm, {}, url=URL.replace("no-show", "none"))],
            "login": [ask(http, clinic.instances[-1]), http.get("/v1/predictions/nobody/fhir")],
            "forbidden": [ask(crm, clinic.instances[-1], purpose="pricing")],
            "invalid": [ask(crm, {**clinic.instances[-1], "age": CANARY}), crm.post(URL, content=b"{")],
        }
        for code, told in replies.items():
            for reply in told:
                assert reply.headers["content-type"] == "application/fhir+json"
                assert OperationOutcome.model_validate_json(reply.content).issue[0].code == code
                assert CANARY not in reply.text

    def test_the_capability_statement_is_valid(self, http):
        statement = CapabilityStatement.model_validate_json(http.get("/metadata").content)
        assert statement.fhirVersion == "4.0.1"


@given(bits=st.binary(min_size=16, max_size=16))
def test_an_id_and_its_uuid_are_the_same(bits):
    name = bits.hex()
    assert prediction_id_of(uuid_of(name)) == name


def test_the_ids_of_the_scorer_are_such():
    name = random_id()
    assert prediction_id_of(uuid_of(name)) == name
