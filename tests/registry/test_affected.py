"""A suspension's incident: who was scored by the version in use, counted in the ledger and listed beside it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from caregate.clock import fixed_clock
from caregate.settings import Settings
from governance.database import ledger_database
from governance.incident import Incident
from governance.incident_rules import Kind
from governance.incidents import Incidents
from governance.journal_segment import Segment
from governance.journal_writer import JournalLimits
from governance.ledger import Ledger, digest_of
from governance.prediction_journal import PredictionJournal
from governance.predictions import Prediction, Predictions
from registry import affected
from registry.affected import NoPatientList, affected_patients
from registry.promotions import PROMOTED
from registry.suspension import resume, suspend

START = datetime(2026, 3, 1, tzinfo=UTC)
FACTS: dict[str, Any] = {"created_ms": 1, "run_key": "one", "recipe": "r"}


def day(number: int) -> datetime:
    return START + timedelta(days=number)


def scored(home: Settings, at: datetime, patient: str | None, **given: object) -> None:
    Predictions(ledger_database(home)).append([prediction(at, patient, **given)])


def prediction(at: datetime, patient: str | None, **given: object) -> Prediction:
    values: dict[str, object] = {
        "prediction_id": f"{at.isoformat()} {patient}"[:40],
        "at": at,
        "model": "no-show",
        "version": 2,
        "client": "crm",
        "purpose": "reminders",
        "patient": patient,
        "record": None,
        "inputs_digest": "",
        "status": "scored",
    }
    return Prediction(**values | given)  # type: ignore[arg-type]


@pytest.fixture
def home(fresh_home: Settings) -> Settings:
    """A home whose version 2 came into use on day 10 and scored three patients, one of them twice."""
    for version, at in ((1, day(0)), (2, day(10))):
        Ledger(ledger_database(fresh_home), fixed_clock(at)).append("promoter", PROMOTED, f"no-show/{version}", **FACTS)
    scored(fresh_home, day(5), "before", version=1)
    for number, patient in enumerate(["kim", "lee", "kim", "max", None]):
        scored(fresh_home, day(11 + number), patient)
    scored(fresh_home, day(12), "abstained", status="abstained")
    scored(fresh_home, day(12), "elsewhere", model="readmission-risk")
    return fresh_home


def stop(home: Settings, at: datetime) -> Incident:
    return suspend(home, "no-show", reason="scores drift at one site", by="ada", clock=fixed_clock(at))


class TestSuspending:
    def test_opens_an_incident_that_counts_who_was_scored(self, home: Settings) -> None:
        incident = stop(home, day(20))
        assert (incident.kind, incident.about, incident.opened_by) == (Kind.SUSPENSION, "no-show/2", "ada")
        assert incident.facts == {
            "version": 2,
            "since": day(10).isoformat(),
            "until": day(20).isoformat(),
            "patients": 3,
            "unnamed": 1,
            "patients_digest": digest_of(["kim", "lee", "max"]),
            "complete": True,
            "reason": "scores drift at one site",
        }

    def test_counts_what_was_answered_just_before_and_is_not_in_the_table_yet(self, home: Settings) -> None:
        limits = JournalLimits(1 << 20, drain_seconds=0.1, sync_seconds=1, recover_seconds=5, most_waiting=10)
        journal = PredictionJournal(home.journal_dir, ledger_database(home), limits)
        journal.append([prediction(day(19), "just before")])
        found = stop(home, day(20))
        journal.close()
        assert (found.facts["patients"], found.facts["complete"]) == (4, True)

    def test_says_when_a_server_did_not_drain_in_time(self, home: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(affected, "SETTLE_SECONDS", 0.0)
        home.journal_dir.mkdir()
        held = Segment.create(home.journal_dir)
        held.append(b"a row on its way")
        assert not stop(home, day(20)).facts["complete"]
        held.close()

    def test_writes_no_token_into_the_ledger(self, home: Settings) -> None:
        stop(home, day(20))
        assert not [act for act in Ledger(ledger_database(home)).read() if "kim" in act.detail]

    def test_twice_keeps_the_one_incident(self, home: Settings) -> None:
        assert stop(home, day(20)) == stop(home, day(21))

    def test_again_after_it_was_resumed_opens_another(self, home: Settings) -> None:
        first = stop(home, day(20))
        resume(home, "no-show", reason="the site sends hours again", by="rita", clock=fixed_clock(day(21)))
        assert stop(home, day(22)).id != first.id

    def test_what_never_was_in_use_affects_nobody(self, fresh_home: Settings) -> None:
        incident = stop(fresh_home, day(1))
        assert (incident.about, incident.facts["patients"]) == ("no-show", 0)
        assert affected_patients(fresh_home, incident).before == ()


class TestListing:
    def test_names_the_tokens_that_were_counted(self, home: Settings) -> None:
        found = affected_patients(home, stop(home, day(20)))
        assert (found.before, found.after, found.unchanged) == (("kim", "lee", "max"), (), True)

    def test_names_those_apart_who_were_scored_after_it(self, home: Settings) -> None:
        incident = stop(home, day(20))
        scored(home, day(20) + timedelta(seconds=1), "late")
        scored(home, day(20) + timedelta(seconds=1), "max", prediction_id="again")
        found = affected_patients(home, incident)
        assert (found.before, found.after, found.unchanged) == (("kim", "lee", "max"), ("late",), True)

    def test_says_where_the_list_is_not_the_one_that_was_counted(self, home: Settings) -> None:
        incident = stop(home, day(20))
        scored(home, day(13), "slipped in")
        assert not affected_patients(home, incident).unchanged

    def test_of_another_incident_says_that_there_is_none(self, home: Settings) -> None:
        other = Incidents(ledger_database(home)).open(Kind.DRIFT, "no-show", "hours changed at a site", by="ada")
        with pytest.raises(NoPatientList):
            affected_patients(home, other)
