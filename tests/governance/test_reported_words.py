"""Reviews, outcomes and reports of harm on both databases: added to, never changed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import Engine, text
from sqlalchemy.exc import DatabaseError

from caregate.clock import fixed_clock
from governance import seals
from governance.database import migrate, open_database
from governance.harm_reports import Happened, HarmReport, HarmReports, notes_of
from governance.outcome import Outcome, Reported, Taken
from governance.outcomes import Outcomes, known_outcomes
from governance.predictions import Prediction, Predictions
from governance.recorded import RecordedPredictions
from governance.review import Decision, Reason, Verdict
from governance.reviews import Reviews, last_reviews
from governance.vault import Vault

NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)
CLOCK = fixed_clock(NOON)
MORNING = NOON.replace(hour=8)
ASKED = Prediction(
    "p" * 22, MORNING, "no-show", 1, "clinic", "reminder", "token-p", "token-r", "sha256:1", "scored", 0.4, "high", []
)
CHOICES = {"no-show": ("personal-call", "other")}


@pytest.fixture(params=["sqlite", "postgresql"])
def engine(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Engine]:
    sqlite = f"sqlite:///{tmp_path / 'ledger.db'}"
    url = sqlite if request.param == "sqlite" else request.getfixturevalue("postgresql_url")
    migrate(url)
    engine = seals.with_key(open_database(url), b"s" * 32)
    Predictions(engine).append([ASKED])
    yield engine
    engine.dispose()


def test_words_are_added_and_the_last_counts(engine: Engine, tmp_path: Path) -> None:
    vault, recorded = Vault(engine, b"v" * 64), RecordedPredictions(engine, tmp_path)
    reviews = Reviews(engine, vault, recorded, clock=CLOCK)
    agrees = Decision(Verdict.AGREE, "personal-call", "desk-7", seconds=3.0)
    overrides = replace(agrees, verdict=Verdict.OVERRIDE, reason=Reason.OTHER, note="in free words")
    told = [
        reviews.record(ASKED.prediction_id, said, client="clinic", choices=CHOICES)
        for said in (agrees, agrees, overrides)
    ]
    assert [is_new for _, is_new in told] == [True, False, True]
    assert last_reviews(engine, "no-show") == [told[-1][0]]
    assert reviews.note(told[-1][0].review_id) == "in free words"

    outcomes = Outcomes(engine, vault, recorded, lambda model: f"clinic/{model}", clock=CLOCK)
    happened = Reported("no-show", happened=True, known_at=MORNING, prediction_id=ASKED.prediction_id)
    words = [happened, replace(happened, happened=False, known_at=NOON), happened]
    assert outcomes.record(words, by="clinic") == [Taken.RECORDED, Taken.RECORDED, Taken.STANDS]
    assert known_outcomes(engine, "no-show") == {"token-r": Outcome(happened=False, known_at=NOON)}

    reports = HarmReports(engine, vault, recorded, clock=CLOCK)
    harm = HarmReport(Happened.NEARLY_HARMED, prediction_id=ASKED.prediction_id, note="in free words")
    (first, is_first), (again, is_again) = (reports.take(harm, client="clinic") for _ in range(2))
    assert (first.id, is_first, is_again) == (again.id, True, False)
    assert notes_of(first.id, engine, vault) == ["in free words"]

    for table in ("reviews", "outcomes", "incident_reports"):
        for statement in (f"DELETE FROM {table}", f"UPDATE {table} SET at = NULL"):  # noqa: S608
            with pytest.raises(DatabaseError, match="append-only"), engine.begin() as connection:
                connection.execute(text(statement))
