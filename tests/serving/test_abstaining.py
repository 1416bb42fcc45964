"""The service abstains, and says why: without consent, on old features, on what nobody could know."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from governance.consents import Consents
from governance.database import ledger_database
from models.catalogue import spec_of
from serving.known.history import History, nothing_known
from serving.withholding import (
    BACKDATED,
    BOOKED_AFTER_DAY,
    NO_CONSENT,
    NO_SNAPSHOT,
    Placing,
    consents,
    is_unknown,
    stale,
)
from validation.policy import load_policy

URL = "/v1/models/no-show/predictions"
NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
EARLIER = NOW - timedelta(days=1)


def ask(client, *instances, **more):
    reply = client.post(URL, json={"purpose": "reminder", "instances": list(instances), **more})
    assert reply.status_code == 200, reply.text
    return reply.json()["predictions"]


@pytest.fixture
def book(clinic):
    return Consents(ledger_database(clinic.settings))


class TestConsent:
    def test_a_revocation_holds_from_the_next_request_on_and_a_grant_too(self, crm, clinic, book):
        instance = clinic.instances[-7]
        patient = clinic.snapshot_tokens()["patient"][instance["patient_id"]]
        assert ask(crm, instance)[0]["status"] == "scored"
        book.revoke(patient, "score", by="tester")
        (answer,) = ask(crm, instance)
        assert (answer["status"], answer["why"], answer["score"]) == ("abstained", NO_CONSENT, None)
        book.grant(patient, "score", by="tester")
        assert ask(crm, instance)[0]["status"] == "scored"

    def test_one_who_said_no_does_not_keep_the_others_from_a_score(self, crm, clinic, book):
        other = next(item for item in clinic.instances if item["patient_id"] != clinic.instances[-9]["patient_id"])
        patient = clinic.snapshot_tokens()["patient"][clinic.instances[-9]["patient_id"]]
        book.revoke(patient, "score", by="tester")
        whys = [item["why"] for item in ask(crm, clinic.instances[-9], other)]
        book.grant(patient, "score", by="tester")
        assert whys == [NO_CONSENT, None]

    @pytest.mark.parametrize("required", [True, False])
    def test_silence_is_a_yes_only_where_nobody_has_to_be_asked(self, required):
        assert consents(None, None, required=required) is not required

    @pytest.mark.parametrize("required", [True, False])
    @pytest.mark.parametrize(
        ("recorded", "in_snapshot", "may"),
        [
            ((True, NOW), None, True),
            ((False, NOW), None, False),
            (None, (True, NOW), True),
            (None, (False, NOW), False),
            ((True, NOW), (False, EARLIER), True),
            ((True, EARLIER), (False, NOW), False),
            ((False, EARLIER), (True, NOW), True),
            ((False, NOW), (True, NOW), False),
            ((True, NOW), (False, NOW), False),
        ],
    )
    def test_the_later_word_counts_and_at_one_moment_the_revocation(self, recorded, in_snapshot, may, required):
        assert consents(recorded, in_snapshot, required=required) is may


class TestFreshness:
    freshness = load_policy("no-show").freshness

    def test_a_snapshot_older_than_the_policy_lets_is_stale(self):
        days = self.freshness.stale_after_days.value
        old = History({}, system="clinic", as_of=NOW - timedelta(days=days, seconds=1))
        new = History({}, system="clinic", as_of=NOW - timedelta(days=days))
        assert stale(old, self.freshness, NOW).startswith("stale features: ")
        assert stale(new, self.freshness, NOW) is None

    def test_without_a_snapshot_nothing_is_known_of_anybody(self):
        assert stale(nothing_known(), self.freshness, NOW) == NO_SNAPSHOT


class TestMoments:
    def test_of_a_known_record_are_the_snapshots_and_not_the_clients(self, crm, clinic):
        known = clinic.instances[-1]
        for moment in ("2026-01-06T08:00:00", "2026-05-30T08:00:00"):
            assert ask(crm, {**known, "booked_at": moment})[0]["score"] == ask(crm, known)[0]["score"]

    def test_of_a_new_record_may_not_lie_far_back(self, crm, clinic):
        newest = datetime.fromisoformat(clinic.instances[-1]["booked_at"])
        days = load_policy("no-show").freshness.backdated_days.value
        late = {**clinic.instances[-1], "record_id": "late-1", "booked_at": (newest - timedelta(days=days)).isoformat()}
        old = {**late, "record_id": "old-1", "booked_at": (newest - timedelta(days=days, minutes=1)).isoformat()}
        assert [item["why"] for item in ask(crm, late, old)] == [None, BACKDATED]

    def test_a_booking_is_not_made_after_its_day(self, crm, clinic):
        day = datetime.fromisoformat(clinic.instances[-1]["booked_at"]).replace(hour=12) + timedelta(days=1)
        sound = {**clinic.instances[-1], "record_id": "sound-1", "booked_at": day.isoformat(), "day": str(day.date())}
        zoned = {**sound, "record_id": "zoned-1", "day": str(day.date() - timedelta(days=1))}
        wrong = {**sound, "record_id": "wrong-1", "day": str(day.date() - timedelta(days=2))}
        assert [item["why"] for item in ask(crm, sound, zoned, wrong)] == [None, None, BOOKED_AFTER_DAY]

    def test_a_new_stay_stands_after_all_that_are_known_whatever_the_client_says(self):
        spec = spec_of("readmission-risk")
        placing = Placing(spec, load_policy(spec.name).freshness)
        row = {"encounter_id": "new", "ordinal": 3}
        assert placing.place(row, nothing_known(), 41) is None
        assert row["ordinal"] == 42


class TestUnknownPatients:
    spec = spec_of("readmission-risk")

    def test_a_record_that_tells_of_earlier_stays_of_which_nothing_is_known(self):
        assert is_unknown(self.spec, {"patient_id": "token", "inpatient_visits": 2}, nothing_known())

    @pytest.mark.parametrize("visits", [0, None])
    def test_a_first_stay_is_no_riddle(self, visits):
        assert not is_unknown(self.spec, {"patient_id": "token", "inpatient_visits": visits}, nothing_known())


class TestReasonsAsked:
    @pytest.mark.parametrize("wanted", [0, 1, 10])
    def test_no_more_are_given_than_were_asked_for(self, crm, clinic, wanted):
        (answer,) = ask(crm, clinic.instances[-1], reasons=wanted)
        assert len(answer["reasons"]) <= wanted
        assert answer["score"] == ask(crm, clinic.instances[-1])[0]["score"]

    @pytest.mark.parametrize("wanted", [-1, 11, 10**30, "5", True, 1.5])
    def test_what_the_policy_does_not_give_is_refused(self, crm, clinic, wanted):
        body = {"purpose": "reminder", "instances": [clinic.instances[-1]], "reasons": wanted}
        assert crm.post(URL, json=body).status_code == 422

    def test_the_band_is_told_with_its_meaning(self, crm, clinic):
        (answer,) = ask(crm, clinic.instances[-1])
        meanings = {band.name: band.meaning for band in load_policy("no-show").bands.levels}
        assert answer["meaning"] == meanings[answer["band"]]


class TestManyRecords:
    def test_are_answered_as_each_alone(self, crm, clinic):
        many = clinic.instances[-40:]
        alone = [ask(crm, instance)[0] for instance in many]
        kept = ("score", "band", "reasons", "status")
        together = ask(crm, *many)
        assert [[item[name] for name in kept] for item in together] == [[item[name] for name in kept] for item in alone]
