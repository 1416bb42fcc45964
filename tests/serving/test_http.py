"""The scoring API as a CRM meets it."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from governance.database import ledger_database
from governance.people import Role
from governance.predictions import Predictions
from serving.policy import load_serving_policy

URL = "/v1/models/no-show/predictions"
CANARY = "Mrs-Canary-1947"


def ask(client, *instances, purpose="reminder", url=URL):
    return client.post(url, json={"purpose": purpose, "instances": list(instances)})


def only(reply):
    assert reply.status_code == 200, reply.text
    (answer,) = reply.json()["predictions"]
    return answer


def is_problem(reply, status):
    document = reply.json()
    return (
        reply.status_code == status == document["status"]
        and reply.headers["content-type"] == "application/problem+json"
        and {"type", "title", "detail"} <= document.keys()
    )


class TestScoring:
    def test_each_instance_gets_a_score_with_band_reasons_and_version(self, crm, clinic):
        reply = ask(crm, *clinic.instances[-3:])
        assert len(reply.json()["predictions"]) == 3
        for answer in reply.json()["predictions"]:
            assert answer["status"] == "scored"
            assert 0 < answer["score"] < 1
            assert answer["band"] in {"low", "medium", "high"}
            assert answer["model_version"] == 1
            assert answer["why"] is None

    def test_reasons_are_the_largest_contributions_in_plain_words(self, crm, clinic):
        reasons = only(ask(crm, clinic.instances[-1]))["reasons"]
        sizes = [abs(reason["contribution"]) for reason in reasons]
        assert 1 <= len(reasons) <= load_serving_policy().reasons.shown
        assert sizes == sorted(sizes, reverse=True)
        assert all(" " in reason["text"] or reason["text"] for reason in reasons)

    def test_a_patient_that_no_snapshot_knows_is_scored_without_history(self, crm, clinic):
        answer = only(ask(crm, {**clinic.instances[-1], "record_id": "new-1", "patient_id": "stranger-1"}))
        assert answer["status"] == "scored"

    def test_outcomes_that_the_crm_sends_change_nothing(self, crm, clinic):
        told = {**clinic.instances[3], "status": "noshow", "outcome_known_at": "2026-01-01T00:00:00"}
        assert only(ask(crm, told))["score"] == only(ask(crm, clinic.instances[3]))["score"]

    def test_a_moment_with_an_offset_is_the_same_moment(self, crm, clinic):
        instance = clinic.instances[-1]
        moment = datetime.fromisoformat(instance["booked_at"]) + timedelta(hours=2)
        shifted = {**instance, "booked_at": moment.isoformat() + "+02:00"}
        assert only(ask(crm, shifted))["score"] == only(ask(crm, instance))["score"]


class TestPredictionRows:
    @pytest.fixture
    def written(self, clinic, service):
        def find(answer):
            service.journal.flush()
            return Predictions(ledger_database(clinic.settings)).find(answer["prediction_id"])

        return find

    def test_every_answer_is_written_down_before_it_is_given(self, crm, clinic, written):
        answer = only(ask(crm, clinic.instances[-1], purpose="outreach"))
        row = written(answer)
        assert (row.status, row.score, row.band, row.version) == ("scored", answer["score"], answer["band"], 1)
        assert (row.client, row.purpose, row.model) == ("clinic", "outreach", "no-show")
        assert row.reasons == answer["reasons"]
        assert row.inputs_digest.startswith("sha256:")

    def test_it_holds_tokens_in_the_place_of_the_crms_ids(self, crm, clinic, written):
        instance = clinic.instances[-1]
        row = written(only(ask(crm, instance)))
        tokens = clinic.snapshot_tokens()
        assert row.record == tokens["record"][instance["record_id"]]
        assert row.patient == tokens["patient"][instance["patient_id"]]

    def test_an_abstention_is_written_down_as_well(self, crm, written):
        answer = only(ask(crm, {"record_id": "empty-1"}))
        row = written(answer)
        assert (row.status, row.why, row.patient) == ("abstained", answer["why"], None)


class TestAbstaining:
    def test_without_a_required_field(self, crm, clinic):
        answer = only(ask(crm, {**clinic.instances[-1], "booked_at": None, "day": None}))
        assert answer["status"] == "abstained"
        assert answer["score"] is None
        assert answer["why"] == "missing required field: booked_at, day"

    def test_one_instance_that_lacks_something_does_not_keep_the_others_from_a_score(self, crm, clinic):
        reply = ask(crm, {"record_id": "empty-2"}, clinic.instances[-1])
        assert [item["status"] for item in reply.json()["predictions"]] == ["abstained", "scored"]

    def test_far_outside_of_what_training_saw(self, crm, clinic):
        answer = only(ask(crm, {**clinic.instances[-1], "day": "2031-01-01"}))
        assert answer["why"] == "outside training support: days between booking and appointment"

    def test_while_the_model_is_suspended(self, crm, clinic, swap, service):
        swap.withdraw("no-show", "suspended since yesterday")
        service.watcher.look()
        answer = only(ask(crm, clinic.instances[-1]))
        assert (answer["status"], answer["why"]) == ("abstained", "suspended since yesterday")
        assert answer["model_version"] is None

    def test_after_the_approval_has_expired(self, crm, clinic, swap, service):
        champion = clinic.versions[1]
        standing = replace(champion.standing, expires_at=datetime.now(UTC) - timedelta(seconds=1))
        swap.put(replace(champion, standing=standing))
        service.watcher.look()
        assert "expired" in only(ask(crm, clinic.instances[-1]))["why"]

    def test_where_no_version_was_ever_promoted(self, crm):
        url = URL.replace("no-show", "readmission-risk")
        answer = only(ask(crm, {"record_id": "E1"}, purpose="follow-up", url=url))
        assert answer["why"] == "no version was promoted"


class TestPurposes:
    @pytest.mark.parametrize("purpose", ["denial", "overbooking", "pricing", CANARY, ""])
    def test_what_the_policy_does_not_allow_is_refused(self, crm, clinic, purpose):
        reply = ask(crm, clinic.instances[-1], purpose=purpose)
        assert is_problem(reply, 403)
        assert CANARY not in reply.text


class TestKeys:
    def test_no_key(self, http, clinic):
        reply = ask(http, clinic.instances[-1])
        assert is_problem(reply, 401)
        assert reply.headers["www-authenticate"] == "Bearer"

    @pytest.mark.parametrize("header", [f"Bearer {CANARY}", "Bearer", "Basic Y2c6Y2c=", f"Bearer {'x' * 5000}", ""])
    def test_a_wrong_key(self, http, clinic, header):
        reply = http.post(URL, json={"purpose": "reminder", "instances": []}, headers={"Authorization": header})
        assert is_problem(reply, 401)
        assert CANARY not in reply.text

    def test_the_key_of_a_disabled_account(self, http, clinic):
        clinic.people.add("gone", Role.CRM, by="tester", service=True)
        key = clinic.keys.issue("gone", by="tester")
        assert http.get("/v1/models/no-show", headers={"Authorization": f"Bearer {key}"}).status_code == 200
        clinic.people.disable("gone", by="tester")
        assert is_problem(http.get("/v1/models/no-show", headers={"Authorization": f"Bearer {key}"}), 401)


class TestLimits:
    def test_more_instances_than_the_policy_allows(self, crm):
        most = load_serving_policy().limits.instances
        reply = ask(crm, *({"record_id": str(number)} for number in range(most + 1)))
        assert is_problem(reply, 413)

    def test_a_body_that_says_that_it_is_too_large(self, crm):
        assert is_problem(crm.post(URL, content=b" " * (load_serving_policy().limits.body_bytes + 1)), 413)

    def test_a_body_that_does_not_say_so(self, crm):
        most = load_serving_policy().limits.body_bytes
        assert is_problem(crm.post(URL, content=(b" " * 65536 for _ in range(most // 65536 + 2))), 413)


class TestModels:
    def test_the_champion_is_described_with_gates_and_signatures(self, crm, clinic):
        described = crm.get("/v1/models/no-show").json()
        assert (described["version"], described["approved_by"]) == (1, ["rita"])
        assert described["gates"] == {"accuracy": "passed"}
        assert {"expires_at", "bands", "purposes", "digest", "card"} <= described.keys()

    def test_a_model_without_a_champion_says_why(self, crm):
        described = crm.get("/v1/models/readmission-risk").json()
        assert described == {"model": "readmission-risk", "version": None, "why": "no version was promoted"}

    @pytest.mark.parametrize("path", [f"/v1/models/{CANARY}", f"/{CANARY}", "/docs", "/redoc", "/v1/models"])
    def test_what_does_not_exist_is_a_problem_that_does_not_repeat_its_name(self, crm, path):
        reply = crm.get(path)
        assert is_problem(reply, 404)
        assert CANARY not in reply.text

    def test_a_wrong_method(self, crm):
        assert is_problem(crm.put(URL), 405)


class TestHealth:
    def test_alive(self, http):
        assert http.get("/healthz").json() == {"status": "alive"}

    def test_readiness_of_each_model(self, http):
        reply = http.get("/readyz")
        assert reply.status_code == 200
        assert reply.json()["models"] == {"no-show": "ready", "readmission-risk": "no version was promoted"}

    def test_readiness_of_one_model(self, http):
        assert http.get("/readyz?model=no-show").status_code == 200
        assert http.get("/readyz?model=readmission-risk").status_code == 503
        assert is_problem(http.get(f"/readyz?model={CANARY}"), 404)

    def test_metrics_count_requests_and_answers(self, http, crm, clinic):
        ask(crm, clinic.instances[-1])
        text = http.get("/metrics").text
        assert 'caregate_predictions_total{model="no-show",reason="none",status="scored",version="1"}' in text
        assert 'caregate_served_version{model="no-show"} 1.0' in text
        assert 'route="/v1/models/{model}/predictions",status="200"' in text


class TestOpenApi:
    def test_it_describes_requests_answers_and_keys(self, http):
        document = http.get("/openapi.json").json()
        operation = document["paths"]["/v1/models/{model}/predictions"]["post"]
        schema = operation["requestBody"]["content"]["application/json"]["schema"]
        titles = [item["title"] for item in schema["properties"]["instances"]["items"]["anyOf"]]
        assert titles == ["An instance of no-show", "An instance of readmission-risk"]
        assert {"200", "401", "403", "404", "413", "422"} <= operation["responses"].keys()
        assert operation["security"]
