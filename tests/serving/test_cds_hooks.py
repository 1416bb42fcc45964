"""CDS Hooks 2.0 as an electronic record meets it."""

from __future__ import annotations

from datetime import UTC, date, datetime
from uuid import UUID

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from governance.database import ledger_database
from governance.ledger import Ledger
from governance.review import Reason
from governance.reviews import REVIEWED
from serving.exchange.cds_hooks import MalformedHook, instances_of, read_call
from serving.exchange.fhir import prediction_id_of
from serving.exchange.fhir_reading import Encounter, Patient, encounter_instance

NO_SHOW = "/cds-services/caregate-no-show"
CANARY = "Mrs-Canary-1947"


def booking(instance, **prefetch):
    appointment = {
        "resourceType": "Appointment",
        "id": instance["record_id"],
        "status": "proposed",
        "created": instance["booked_at"] + "Z",
        "start": f"{instance['day']}T09:00:00Z",
        "participant": [{"actor": {"reference": "Patient/example"}, "status": "tentative"}],
    }
    bundle = {"resourceType": "Bundle", "type": "collection", "entry": [{"resource": appointment}]}
    return {
        "hook": "appointment-book",
        "hookInstance": "d1577c69-dfbe-44ad-ba6d-3e05e953b2ea",
        "fhirAuthorization": {"access_token": CANARY, "token_type": "Bearer"},
        "context": {
            "userId": "Practitioner/123",
            "patientId": instance["patient_id"],
            "appointments": bundle,
        },
        "prefetch": {"patient": {"resourceType": "Patient", "id": "example", "birthDate": "1980-02-03"}, **prefetch},
    }


def condition(code, system="http://hl7.org/fhir/sid/icd-10-cm", verified="confirmed"):
    return {
        "resource": {
            "resourceType": "Condition",
            "code": {"coding": [{"system": system, "code": code}]},
            "verificationStatus": {"coding": [{"code": verified}]},
        }
    }


def told(call):
    return instances_of(read_call(msgspec.json.encode(call), call["hook"]), now=datetime(2026, 6, 1, tzinfo=UTC))


class TestDiscovery:
    def test_names_the_services_without_a_key(self, http):
        services = http.get("/cds-services").json()["services"]
        assert {(item["id"], item["hook"]) for item in services} == {
            ("caregate-no-show", "appointment-book"),
            ("caregate-readmission-risk", "encounter-discharge"),
        }
        assert all({"title", "description", "prefetch"} <= item.keys() for item in services)


class TestCards:
    def test_a_booking_gets_a_card_with_reasons_and_ways_out(self, crm, clinic):
        (card,) = crm.post(NO_SHOW, json=booking(clinic.instances[-1])).json()["cards"]
        assert len(card["summary"]) < 140
        assert card["indicator"] in {"info", "warning"}
        assert "a person decides" in card["detail"]
        assert "version 1" in card["detail"]
        assert card["source"]["label"] == "Caregate"
        assert {item["code"] for item in card["overrideReasons"]} == {reason.value for reason in Reason}
        UUID(card["uuid"])

    def test_the_score_is_the_one_of_the_scoring_api(self, crm, clinic):
        call = booking(clinic.instances[-1])
        (instance,) = told(call)
        body = {"purpose": "outreach", "instances": [instance]}
        (plain,) = crm.post("/v1/models/no-show/predictions", json=body).json()["predictions"]
        (card,) = crm.post(NO_SHOW, json=call).json()["cards"]
        assert f"Score {plain['score']:.0%}" in card["detail"]
        assert card["summary"].endswith(plain["band"])

    def test_where_a_booking_cannot_be_scored_there_is_no_card(self, crm, clinic):
        call = booking(clinic.instances[-1])
        call["context"]["appointments"]["entry"][0]["resource"].pop("start")
        assert crm.post(NO_SHOW, json=call).json() == {"cards": []}

    def test_at_discharge_silence_is_told(self, crm):
        call = {
            "hook": "encounter-discharge",
            "hookInstance": "d1577c69-dfbe-44ad-ba6d-3e05e953b2ea",
            "context": {"userId": "Practitioner/1", "patientId": "P1", "encounterId": "E1"},
        }
        (card,) = crm.post("/cds-services/caregate-readmission-risk", json=call).json()["cards"]
        assert card["summary"] == "Readmission within 30 days: no score"
        assert card["indicator"] == "info"


class TestRefusals:
    def test_without_a_key_or_with_another_form(self, crm, http, clinic):
        call = booking(clinic.instances[-1])
        assert http.post(NO_SHOW, json=call).status_code == 401
        assert crm.post("/cds-services/none", json=call).status_code == 404
        for broken in ({**call, "hook": "order-sign"}, {**call, "context": {"patientId": 7}}, [CANARY], CANARY):
            reply = crm.post(NO_SHOW, json=broken)
            assert reply.status_code == 422
            assert CANARY not in reply.text


class TestFeedback:
    def test_becomes_a_review_of_the_prediction(self, crm, clinic):
        (card,) = crm.post(NO_SHOW, json=booking(clinic.instances[-1])).json()["cards"]
        reason = {"reason": {"code": "patient-said", "system": "urn:caregate:override-reason"}, "userComment": "called"}
        sent = {"feedback": [{"card": card["uuid"], "outcome": "overridden", "overrideReason": reason}]}
        reply = crm.post(f"{NO_SHOW}/feedback", json=sent)
        assert reply.status_code == 200, reply.text
        subject = f"no-show/prediction/{prediction_id_of(card['uuid'])}"
        (line,) = Ledger(ledger_database(clinic.settings)).read(action=REVIEWED, subject=subject)
        assert line.facts["verdict"] == "override"

    def test_of_a_card_that_this_client_was_not_given_is_refused(self, crm):
        for card, status in ((str(UUID(int=7)), 404), ("no-uuid", 422)):
            sent = {"feedback": [{"card": card, "outcome": "accepted"}]}
            assert crm.post(f"{NO_SHOW}/feedback", json=sent).status_code == status


class TestReading:
    def test_conditions_are_told_where_the_list_is_whole(self, clinic):
        entries = [
            condition("E11.9"),
            condition("38341003", "http://snomed.info/sct"),
            condition("F10.2", verified="refuted"),
        ]
        (instance,) = told(booking(clinic.instances[-1], conditions={"resourceType": "Bundle", "entry": entries}))
        assert (instance["diabetes"], instance["hypertension"], instance["alcoholism"]) == (True, True, False)
        more = {"resourceType": "Bundle", "entry": entries, "link": [{"relation": "next", "url": "more"}]}
        (instance,) = told(booking(clinic.instances[-1], conditions=more))
        assert "diabetes" not in instance

    @pytest.mark.parametrize(
        "prefetch", [{"conditions": 7}, {"conditions": {"entry": 7}}, {"patient": {"birthDate": 7}}]
    )
    def test_what_is_no_fhir_is_refused(self, clinic, prefetch):
        with pytest.raises(MalformedHook):
            told(booking(clinic.instances[-1], **prefetch))

    def test_a_stay_is_told_with_the_year_before_it(self):
        def stay(name, began, ended=None, kind="IMP", **more):
            told = {
                "resourceType": "Encounter",
                "id": name,
                "class": {"code": kind},
                "period": {"start": began},
                **more,
            }
            told["period"] |= {"end": ended} if ended else {}
            return msgspec.convert(told, Encounter)

        gone = {"hospitalization": {"dischargeDisposition": {"coding": [{"code": "home"}]}}}
        this = stay("now", "2026-05-20T08:00:00Z", "2026-05-27", **gone)
        others = [this, stay("a", "2026-01-01"), stay("b", "2024-01-01"), stay("c", "2026-02-01", kind="EMER")]
        instance = encounter_instance(this, "P1", Patient("1950-06-01"), others, today=date(2026, 5, 27))
        assert instance["days_in_hospital"] == 7
        assert instance["age"] == 75
        assert instance["disposition"] == "home"
        assert (instance["inpatient_visits"], instance["emergency_visits"], instance["outpatient_visits"]) == (1, 1, 0)
        died = stay("now", "2026-05-20", hospitalization={"dischargeDisposition": {"coding": [{"code": "exp"}]}})
        assert encounter_instance(died, "P1", None, None, today=date(2026, 5, 27)) is None


@given(
    call=st.fixed_dictionaries(
        {"hook": st.just("appointment-book"), "hookInstance": st.text(max_size=5)},
        optional={
            "context": st.dictionaries(
                st.sampled_from(["patientId", "appointments"]),
                st.recursive(
                    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
                    lambda inner: (
                        st.lists(inner, max_size=3)
                        | st.dictionaries(
                            st.sampled_from(["entry", "resource", "resourceType", "link", "start"]), inner, max_size=3
                        )
                    ),
                    max_leaves=6,
                ),
            )
        },
    )
)
def test_whatever_is_sent_is_read_or_refused(call):
    try:
        told(call)
    except MalformedHook:
        return
