"""Canonical Parquet: bounded, in known columns and types, and held to the same rules as CSV."""

from __future__ import annotations

from datetime import date, datetime
from pathlib import Path

import polars as pl
import pytest

from caregate.errors import BadInput
from crm.canonical import conform
from crm.csv_text import WrongColumns
from crm.deidentify import deidentify
from crm.source import RawTables, make_source
from crm.sources.canonical_parquet import WrongTypes


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    declared = "basis: limited-data-set\nowner: privacy officer\nconsent: {asked: required}\n"
    (tmp_path / "dataset.yaml").write_text(declared)
    return tmp_path


@pytest.fixture
def frame() -> pl.DataFrame:
    row = {
        **{"appointment_id": "a1", "patient_id": "p1", "booked_at": datetime.fromisoformat("2026-01-05T10:00:00")},
        **{"day": date(2026, 1, 9), "age": 44, "status": "noshow", "welfare": True},
        **{"outcome_known_at": datetime.fromisoformat("2026-01-10")},
    }
    return conform(pl.DataFrame([row]), "appointments")


def read(place: Path) -> RawTables:
    return make_source("parquet").read(str(place))


class TestParquet:
    def test_says_the_same_as_csv(self, frame, folder):
        frame.write_parquet(folder / "appointments.parquet")
        assert read(folder).tables["appointments"].equals(frame)

    def test_moments_in_another_zone_and_unit_become_utc(self, frame, folder):
        zoned = (
            pl.col("booked_at")
            .dt.replace_time_zone("UTC")
            .dt.convert_time_zone("America/Sao_Paulo")
            .dt.cast_time_unit("ms")
        )
        frame.with_columns(zoned).write_parquet(folder / "appointments.parquet")
        assert read(folder).tables["appointments"].equals(frame)

    def test_identifiers_are_exchanged_even_where_they_look_like_tokens(self, frame, folder, vault):
        frame = frame.with_columns(pl.lit("a" * 16).alias("patient_id"))
        frame.write_parquet(folder / "appointments.parquet")
        draft = deidentify(read(folder), vault, owner="x")
        assert draft.tables["appointments"]["patient_id"].item() != "a" * 16
        assert draft.owner == "privacy officer"

    def test_a_held_back_row_keeps_what_it_said(self, frame, folder):
        frame.with_columns(pl.lit("ghosted").alias("status")).write_parquet(folder / "appointments.parquet")
        raw = read(folder)
        assert raw.rejected["rule"].to_list() == ["unknown-code"]
        assert "ghosted" in raw.rejected["raw"].item()

    @pytest.mark.parametrize(
        ("wrong", "error"),
        [
            (pl.lit(1).alias("phone"), WrongColumns),
            (pl.lit("forty").alias("age"), WrongTypes),
            (pl.lit(40_000).alias("age"), WrongTypes),
            (pl.lit([4]).alias("age"), WrongTypes),
            (pl.lit("noon").alias("booked_at"), WrongTypes),
            (pl.lit(1.5).alias("patient_id"), WrongTypes),
        ],
    )
    def test_wrong_columns_and_types_are_refused(self, frame, folder, wrong, error):
        frame.with_columns(wrong).write_parquet(folder / "appointments.parquet")
        with pytest.raises(error):
            read(folder)

    def test_a_column_of_nothing_but_nulls_fits_every_type(self, frame, folder):
        frame.with_columns(pl.lit(None).alias("age")).write_parquet(folder / "appointments.parquet")
        assert read(folder).tables["appointments"]["age"].to_list() == [None]

    def test_columns_that_may_be_null_may_be_absent(self, frame, folder):
        frame.drop("age", "site").write_parquet(folder / "appointments.parquet")
        assert read(folder).tables["appointments"]["site"].to_list() == [None]

    def test_whole_numbers_may_be_identifiers(self, frame, folder):
        frame.with_columns(pl.lit(7).alias("patient_id")).write_parquet(folder / "appointments.parquet")
        assert read(folder).tables["patients"]["patient_id"].to_list() == ["7"]

    @pytest.mark.parametrize("content", [b"", b"PAR1", b"not parquet at all", b"PAR1" + bytes(100) + b"PAR1"])
    @pytest.mark.parametrize("name", ["appointments.parquet", "other.parquet"])
    def test_what_is_no_whole_parquet_is_refused(self, frame, folder, content, name):
        (folder / name).write_bytes(content)
        with pytest.raises(BadInput):
            read(folder / name)

    def test_a_truncated_file_or_one_without_rows_is_refused(self, frame, folder):
        path = folder / "appointments.parquet"
        frame.clear().write_parquet(path)
        with pytest.raises(BadInput, match="has no rows"):
            read(folder)
        frame.write_parquet(path)
        path.write_bytes(path.read_bytes()[:-20])
        with pytest.raises(BadInput, match="no whole Parquet"):
            read(folder)

    def test_a_file_that_unpacks_to_too_much_is_refused(self, frame, folder, monkeypatch):
        monkeypatch.setattr("crm.sources.canonical_parquet.BYTES_A_VALUE", 10**12)
        frame.write_parquet(folder / "appointments.parquet")
        with pytest.raises(BadInput, match="unpacks"):
            read(folder)
