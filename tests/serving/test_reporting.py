"""What clients report back over HTTP: a person's decision, what really happened, and harm."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import httpx
import pytest

from governance.client_key import Scope
from governance.database import ledger_database
from governance.harm_reports import notes_of
from governance.incident_rules import Kind
from governance.incidents import Incidents
from governance.ledger import Ledger
from governance.outcomes import known_outcomes
from governance.people import Role
from governance.recorded import RecordedPredictions
from governance.reviews import Reviews, last_reviews
from tests.serving.clinic import vault_of
from tests.serving.conftest import Clinic

PREDICTIONS = "/v1/models/no-show/predictions"
NOTE = "Mrs Canary said that her son drives her"
YESTERDAY = (datetime.now(UTC) - timedelta(days=1)).isoformat()
AGREES = {"verdict": "agree", "decided": "personal-call", "reviewer": "desk-7", "seconds": 4.5}
OVERRIDES = {"verdict": "override", "decided": "usual-reminder", "reviewer": "desk-7", "reason": "patient-said"}
UNKNOWN = "A" * 22


@pytest.fixture
def other(clinic: Clinic, address: str) -> Iterator[httpx.Client]:
    """Another client with a key of its own, which opens everything."""
    name = "other-clinic"
    if clinic.people.find(name) is None:
        clinic.people.add(name, Role.CRM, by="tester", service=True)
    with httpx.Client(base_url=address, headers=bearer(clinic.keys.issue(name, by="tester")), timeout=30) as client:
        yield client


def bearer(key: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {key}"}


def asked(crm: httpx.Client, clinic: Clinic, row: int) -> dict:
    """A prediction of a moment ago."""
    answer = crm.post(PREDICTIONS, json={"purpose": "reminder", "instances": [clinic.instances[row]]})
    return answer.json()["predictions"][0]


def review(client: httpx.Client, prediction: str, body: dict, **headers: str) -> httpx.Response:
    return client.post(f"/v1/predictions/{prediction}/review", json=body, headers=headers)


class TestAReview:
    def test_of_a_prediction_of_this_moment_stands_with_its_version(self, crm: httpx.Client, clinic: Clinic) -> None:
        prediction = asked(crm, clinic, 1)
        answer = review(crm, prediction["prediction_id"], AGREES)
        said = answer.json()
        assert answer.status_code == 201
        assert (said["model"], said["model_version"], said["band"]) == ("no-show", 1, prediction["band"])
        assert "desk-7" not in answer.text

    def test_may_be_followed_by_others_and_the_last_counts(self, crm: httpx.Client, clinic: Clinic) -> None:
        prediction = asked(crm, clinic, 2)["prediction_id"]
        codes = [review(crm, prediction, body).status_code for body in (AGREES, AGREES, OVERRIDES, AGREES, OVERRIDES)]
        last = {item.prediction_id: item for item in last_reviews(ledger_database(clinic.settings), "no-show")}
        assert codes == [201, 200, 201, 201, 201]
        assert last[prediction].verdict == "override"

    def test_sent_twice_under_one_key_is_written_once(self, crm: httpx.Client, clinic: Clinic) -> None:
        prediction = asked(crm, clinic, 3)["prediction_id"]
        first = review(crm, prediction, AGREES, **{"Idempotency-Key": "r-1"})
        review(crm, prediction, OVERRIDES)
        again = review(crm, prediction, AGREES, **{"Idempotency-Key": "r-1"})
        other_content = review(crm, prediction, OVERRIDES, **{"Idempotency-Key": "r-1"})
        assert (first.status_code, again.status_code, other_content.status_code) == (201, 200, 422)
        assert first.json() == again.json()

    def test_keeps_what_a_person_wrote_sealed_and_out_of_the_ledger(self, crm: httpx.Client, clinic: Clinic) -> None:
        said = review(crm, asked(crm, clinic, 4)["prediction_id"], OVERRIDES | {"note": NOTE}).json()
        engine, vault = ledger_database(clinic.settings), vault_of(clinic.settings)
        recorded = RecordedPredictions(engine, clinic.settings.journal_dir)
        assert Reviews(engine, vault, recorded).note(said["review_id"]) == NOTE
        assert not any("Canary" in str(act) or "desk-7" in str(act) for act in Ledger(engine).read())
        assert b"Canary" not in (clinic.settings.home / "ledger.db").read_bytes()

    def test_of_nobodys_and_of_anothers_prediction_get_one_answer(
        self, crm: httpx.Client, other: httpx.Client, clinic: Clinic
    ) -> None:
        prediction = asked(crm, clinic, 5)["prediction_id"]
        unknown, theirs = review(other, UNKNOWN, AGREES), review(other, prediction, AGREES)
        assert unknown.status_code == theirs.status_code == 404
        assert unknown.content == theirs.content

    @pytest.mark.parametrize(
        ("change", "pointer"),
        [
            ({"verdict": "maybe"}, "/verdict"),
            ({"reviewer": "two words"}, "/reviewer"),
            ({"reviewer": ""}, "/reviewer"),
            ({"seconds": -1}, "/seconds"),
            ({"seconds": "4"}, "/seconds"),
            ({"reason": "because"}, "/reason"),
            ({"note": "x" * 2001}, "/note"),
            ({"Canary": 1}, None),
            ({"verdict": "override"}, None),
            ({"decided": "Canary"}, None),
        ],
    )
    def test_of_another_form_is_refused_and_repeated_nowhere(
        self, crm: httpx.Client, clinic: Clinic, change: dict, pointer: str | None
    ) -> None:
        answer = review(crm, asked(crm, clinic, 6)["prediction_id"], AGREES | change)
        assert answer.status_code == 422
        assert answer.json().get("pointer") == pointer
        assert "Canary" not in answer.text

    def test_asks_for_a_key_that_opens_it(self, http: httpx.Client, clinic: Clinic) -> None:
        key = clinic.keys.issue("clinic", by="tester", scopes=[Scope.SCORE])
        answers = [review(http, UNKNOWN, AGREES), review(http, UNKNOWN, AGREES, **bearer(key))]
        assert [answer.status_code for answer in answers] == [401, 403]


def outcomes(client: httpx.Client, *rows: dict) -> httpx.Response:
    return client.post(
        "/v1/outcomes", json={"outcomes": [{"happened": True, "known_at": YESTERDAY} | row for row in rows]}
    )


class TestOutcomes:
    def test_are_tied_to_the_record_of_a_prediction_or_of_the_clinics_own_id(
        self, crm: httpx.Client, clinic: Clinic
    ) -> None:
        prediction = asked(crm, clinic, 10)["prediction_id"]
        own = clinic.instances[11]["record_id"]
        answer = outcomes(crm, {"prediction_id": prediction}, {"record_id": own, "model": "no-show", "happened": False})
        assert answer.json() == {"outcomes": ["recorded", "recorded"], "counts": {"recorded": 2}}
        known = known_outcomes(ledger_database(clinic.settings), "no-show")
        tokens = clinic.snapshot_tokens()["record"]
        said = [known[tokens[clinic.instances[row]["record_id"]]].happened for row in (10, 11)]
        assert said == [True, False]

    def test_stand_once_and_the_last_word_counts(self, crm: httpx.Client, clinic: Clinic) -> None:
        row = {"record_id": clinic.instances[12]["record_id"], "model": "no-show"}
        said = [outcomes(crm, row), outcomes(crm, row), outcomes(crm, row | {"happened": False}, row)]
        assert [answer.json()["outcomes"] for answer in said] == [
            ["recorded"],
            ["stands-already"],
            ["recorded", "recorded"],
        ]
        token = clinic.snapshot_tokens()["record"][row["record_id"]]
        assert known_outcomes(ledger_database(clinic.settings), "no-show")[token].happened is True

    def test_say_of_each_that_is_held_back_why(self, crm: httpx.Client, other: httpx.Client, clinic: Clinic) -> None:
        theirs = asked(crm, clinic, 13)["prediction_id"]
        tomorrow = (datetime.now(UTC) + timedelta(days=1)).isoformat()
        rows: list[tuple[dict, str]] = [
            ({"prediction_id": UNKNOWN}, "unknown-prediction"),
            ({"prediction_id": theirs}, "unknown-prediction"),
            ({"prediction_id": theirs, "record_id": "A1"}, "prediction-and-record"),
            ({}, "neither-prediction-nor-record"),
            ({"record_id": "A1"}, "unknown-model"),
            ({"record_id": "A1", "model": "weather"}, "unknown-model"),
            ({"record_id": "A1", "model": "no-show", "known_at": tomorrow}, "known-in-the-future"),
            ({"record_id": "A1", "model": "no-show", "known_at": "0001-01-01T00:00:00+14:00"}, "known-before-2000"),
            ({"record_id": "A1", "model": "no-show", "known_at": "9999-12-31T23:59:59-14:00"}, "known-in-the-future"),
        ]
        answer = outcomes(other, *(row for row, _ in rows))
        assert answer.json()["outcomes"] == [rule for _, rule in rows]
        wrong_model = outcomes(crm, {"prediction_id": theirs, "model": "readmission-risk"})
        assert wrong_model.json()["outcomes"] == ["prediction-of-another-model"]

    def test_of_a_prediction_that_names_no_record_are_held_back(self, crm: httpx.Client, clinic: Clinic) -> None:
        nameless = clinic.instances[14] | {"record_id": None}
        answer = crm.post(PREDICTIONS, json={"purpose": "reminder", "instances": [nameless]})
        prediction = answer.json()["predictions"][0]["prediction_id"]
        assert outcomes(crm, {"prediction_id": prediction}).json()["outcomes"] == ["prediction-without-a-record"]

    @pytest.mark.parametrize(
        "body",
        [{}, {"outcomes": []}, {"outcomes": [{}]}, {"outcomes": [{"happened": 1, "known_at": YESTERDAY}]}, [], None],
    )
    def test_of_another_form_are_refused(self, crm: httpx.Client, body: object) -> None:
        assert crm.post("/v1/outcomes", json=body).status_code == 422


class TestAReportOfHarm:
    def test_opens_an_incident_about_the_version_that_answered(self, crm: httpx.Client, clinic: Clinic) -> None:
        prediction = asked(crm, clinic, 20)["prediction_id"]
        answer = crm.post("/v1/incidents", json={"what": "nearly-harmed", "prediction_id": prediction, "note": NOTE})
        said = answer.json()
        engine, vault = ledger_database(clinic.settings), vault_of(clinic.settings)
        opened = Incidents(engine).get(said["incident_id"])
        assert answer.status_code == 201
        assert (opened.kind, opened.about, opened.opened_by) == (Kind.HARM_REPORTED, "no-show/1", "clinic")
        assert opened.facts == {"prediction": prediction, "what": "nearly-harmed"}
        assert notes_of(opened.id, engine, vault) == [NOTE]

    def test_that_comes_twice_opens_one(self, crm: httpx.Client, clinic: Clinic) -> None:
        report = {"what": "wrong-score", "model": "no-show"}
        named = [crm.post("/v1/incidents", json=report, headers={"Idempotency-Key": "i-1"}) for _ in range(2)]
        told = [crm.post("/v1/incidents", json=report | {"note": NOTE}) for _ in range(2)]
        for pair in (named, told):
            assert [answer.status_code for answer in pair] == [201, 200]
            assert pair[0].json() == pair[1].json()
        assert named[0].json()["incident_id"] != told[0].json()["incident_id"]

    @pytest.mark.parametrize(
        ("body", "status"),
        [
            ({"what": "Canary"}, 422),
            ({"what": "other", "model": "Canary"}, 422),
            ({"what": "other", "prediction_id": UNKNOWN}, 404),
            ({"what": "other", "note": ""}, 422),
            ({}, 422),
        ],
    )
    def test_of_another_form_is_refused(self, crm: httpx.Client, body: dict, status: int) -> None:
        answer = crm.post("/v1/incidents", json=body)
        assert answer.status_code == status
        assert "Canary" not in answer.text
