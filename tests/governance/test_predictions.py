"""What was predicted stays as it was written."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DatabaseError

from governance.database import migrate, open_database
from governance.predictions import Prediction, Predictions

NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)
SCORED = Prediction(
    prediction_id="p1",
    at=NOON,
    model="no-show",
    version=1,
    client="clinic",
    purpose="reminder",
    patient="token-of-patient",
    record="token-of-record",
    inputs_digest="sha256:" + "0" * 64,
    status="scored",
    score=0.25,
    band="medium",
    reasons=[{"feature": "age", "text": "age", "contribution": 0.5}],
)


@pytest.fixture
def engine(tmp_path):
    url = f"sqlite:///{tmp_path / 'ledger.db'}"
    migrate(url)
    return open_database(url)


class TestPredictions:
    def test_are_found_again_by_their_id(self, engine):
        Predictions(engine).append([SCORED])
        found = Predictions(engine).find("p1")
        assert replace(found, at=found.at.replace(tzinfo=UTC)) == SCORED
        assert Predictions(engine).find("p2") is None

    def test_of_one_patient_come_oldest_first(self, engine):
        later = replace(SCORED, prediction_id="p2", at=NOON + timedelta(hours=1))
        other = replace(SCORED, prediction_id="p3", patient="token-of-another")
        Predictions(engine).append([later, other, SCORED])
        assert [row.prediction_id for row in Predictions(engine).of_patient("token-of-patient")] == ["p1", "p2"]

    def test_stand_all_or_none(self, engine):
        with pytest.raises(DatabaseError):
            Predictions(engine).append([SCORED, SCORED])
        assert Predictions(engine).find("p1") is None

    def test_of_nothing_write_nothing(self, engine):
        Predictions(engine).append([])

    @pytest.mark.parametrize("act", ["UPDATE predictions SET score = 0.9", "DELETE FROM predictions"])
    def test_cannot_be_changed(self, engine, act):
        Predictions(engine).append([SCORED])
        with pytest.raises(DatabaseError, match="append-only"), engine.begin() as connection:
            connection.execute(text(act))
