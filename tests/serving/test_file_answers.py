"""Files say what the service says: the same rows, withheld for the same reasons, with the same scores."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import numpy as np
import polars as pl
import pyarrow as pa
import pytest

from crm.tables import TABLES
from governance.consents import Consents
from governance.database import ledger_database
from models.catalogue import spec_of
from serving.batches import files
from serving.batches.consents import FileConsents
from serving.batches.file_history import FileHistory
from serving.withholding import UNKNOWN_PATIENT, Placing
from tests.serving.clinic import SYSTEM, instance
from validation.policy import load_policy

TOLD = ("status", "score", "band", "model_version", "why", "reasons")


@pytest.fixture
def score(clinic, monkeypatch, tmp_path):
    monkeypatch.setattr(files.RegistryChampions, "champion", lambda *_: clinic.versions[1])
    (tmp_path / "dataset.yaml").write_text(
        f"basis: synthetic\nowner: tester\nsystem: {SYSTEM}\nconsent: {{asked: not-required, reason: made up}}\n"
    )

    def run(rows, **wishes):
        rows.write_parquet(tmp_path / "appointments.parquet")
        place, output = tmp_path / "appointments.parquet", tmp_path / "scores.parquet"
        wishes = {"source": "parquet", "location": place, "output": output, "by": "ada", "rows": 64} | wishes
        files.score_file(clinic.settings, "no-show", **wishes)
        told = pl.read_parquet(output).rows(named=True)
        return [{**row, "reasons": json.loads(row["reasons"] or "[]")} for row in told]

    return run


def mixed(rows: pl.DataFrame, seed: int) -> tuple[pl.DataFrame, str]:
    """Rows of every kind in any order, and a patient who will say no."""
    chance = np.random.default_rng(seed)
    booked = rows.with_columns(status=pl.lit("booked"), outcome_known_at=None)
    known = booked.sample(60, seed=seed)
    own = pl.col("appointment_id")
    fresh = (
        booked.tail(150)
        .sample(60, seed=seed)
        .with_columns(pl.col("booked_at", "day").dt.offset_by("8d"), appointment_id="F" + own)
    )
    kinds = {
        "another's": known.head(5).with_columns(patient_id=pl.lit("P0")),
        "known": known.tail(-5),
        "fresh": fresh,
        "stranger": fresh.head(9).with_columns(patient_id="S" + own, appointment_id="S" + own),
        "backdated": booked.head(200).sample(9, seed=seed).with_columns(appointment_id="B" + own),
        "lacking": fresh.tail(7).with_columns(day=None, appointment_id="L" + own),
        "lacking two": fresh.tail(3).with_columns(day=None, patient_id=None, appointment_id="M" + own),
        "beyond": fresh.head(7).with_columns(pl.col("day").dt.offset_by("900d"), appointment_id="D" + own),
    }
    every = pl.concat([frame.select(rows.columns) for frame in kinds.values()], how="vertical_relaxed")
    return every[chance.permutation(every.height)], fresh["patient_id"][0]


def said(row: dict) -> dict:
    """A row as the CRM sends it; it may lack the day."""
    told = instance(row | {"day": row["day"] or row["booked_at"]})
    return told if row["day"] else told | {"day": None}


class TestTheSameAnswers:
    @pytest.mark.parametrize("seed", [1, 2])
    def test_row_by_row(self, score, crm, clinic, seed):
        rows, refuser = mixed(clinic.rows, seed)
        token, book = clinic.snapshot_tokens()["patient"][refuser], Consents(ledger_database(clinic.settings))
        book.revoke(token, "score", by="tester")
        try:
            asked = {"purpose": "planning", "instances": [said(row) for row in rows.iter_rows(named=True)]}
            online = crm.post("/v1/models/no-show/predictions", json=asked).json()["predictions"]
            filed = score(rows, purpose="planning")
        finally:
            book.grant(token, "score", by="tester")
        assert [[row[name] for name in TOLD] for row in filed] == [[row[name] for name in TOLD] for row in online]
        assert [row["record_id"] for row in filed] == rows["appointment_id"].to_list()
        whys = {row["why"].partition(":")[0] for row in filed if row["why"]}
        assert whys == {"no consent", "backdated", "missing required field", "outside training support"}
        assert sum(row["status"] == "scored" for row in filed) > 80

    def test_nobody_is_scored_by_an_old_snapshot(self, score, clinic):
        later = datetime.now(UTC) + timedelta(days=60)
        filed = score(clinic.rows.tail(9), clock=lambda: later)
        assert {row["why"] for row in filed} == {"stale features: the newest snapshot is older than 30 days"}

    def test_nothing_goes_out_of_a_version_that_was_suspended_meanwhile(self, score, clinic, monkeypatch, tmp_path):
        standing = iter([clinic.versions[1], clinic.versions[2]])
        monkeypatch.setattr(files.RegistryChampions, "champion", lambda *_: next(standing))
        with pytest.raises(files.NotScoring):
            score(clinic.rows.tail(8))
        assert not (tmp_path / "scores.parquet").exists()


class TestARecordThatTellsOfEarlierStays:
    def test_abstains_where_nothing_is_known_of_the_patient(self, clinic, tmp_path):
        spec = spec_of("readmission-risk")
        names = ("e0", "e1", "e2")
        blank = {field.name: _value(field) for field in TABLES["encounters"] if not field.nullable}
        rows = [
            blank | {"encounter_id": name, "patient_id": "p" + name, "inpatient_visits": visits}
            for name, visits in zip(names, (0, 1, 2), strict=True)
        ]
        known = pa.Table.from_pylist([{"patient_id": "pe2"}], schema=TABLES["patients"])
        door = pl.DataFrame(pl.from_arrow(pa.Table.from_pylist(rows, schema=TABLES["encounters"])))
        door = door.with_columns(row_number=pl.int_range(pl.len()), rule=pl.lit(None, pl.String))
        door.write_parquet(tmp_path / "door.parquet")
        history = FileHistory(clinic.settings, "appointments", spill=tmp_path)
        history._files = {"patients": tmp_path / "patients.parquet"}
        pa.parquet.write_table(known, tmp_path / "patients.parquet")
        nobody = FileConsents(pl.Series(["nobody"]), required=False)
        placing = Placing(spec, load_policy(spec.name).freshness)
        history.write_features(spec, [tmp_path / "door.parquet"], tmp_path / "f.parquet", placing, nobody)
        assert pl.read_parquet(tmp_path / "f.parquet")["withheld"].to_list() == [None, UNKNOWN_PATIENT, None]


def _value(field: pa.Field) -> object:
    if pa.types.is_boolean(field.type):
        return False
    return "x" if pa.types.is_string(field.type) else 0
