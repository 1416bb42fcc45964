"""Canonical CSV and Parquet: declared, bounded, and held to the same rules."""

from __future__ import annotations

import gzip
from datetime import UTC, date, datetime
from pathlib import Path

import polars as pl
import pytest

from caregate.clock import fixed_clock
from crm.canonical import conform
from crm.csv_text import WrongColumns
from crm.dataset import Undeclared
from crm.deidentify import deidentify, namespace
from crm.scoring_input import load_for_scoring
from crm.snapshot import publish
from crm.source import RawTables, make_source
from crm.sources.canonical_files import NoTables

DECLARED = """
basis: limited-data-set
owner: privacy officer
consent: {asked: required}
system: clinic-a
"""
HEADER = "appointment_id,patient_id,booked_at,day,site,age,welfare,status,outcome_known_at"
SOUND = "a1,p1,2026-01-05T10:00:00Z,2026-01-09,north,44,true,noshow,2026-01-10T00:00:00Z"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    place = tmp_path / "export"
    place.mkdir()
    (place / "dataset.yaml").write_text(DECLARED)
    return place


def write_csv(folder: Path, *lines: str, header: str = HEADER, name: str = "appointments.csv") -> Path:
    path = folder / name
    path.write_text("\n".join([header, *lines]) + "\n")
    return path


def read(place: Path, source: str = "csv", **given: bool) -> RawTables:
    return make_source(source).read(str(place), **given)


class TestDeclaration:
    def test_goes_into_the_tables_as_it_is(self, folder):
        write_csv(folder, SOUND)
        raw = read(folder)
        assert (raw.basis, raw.owner, raw.consent["asked"]) == ("limited-data-set", "privacy officer", "required")
        assert namespace(raw, "patient_id") == "clinic-a/patient"

    def test_says_whose_ids_the_tokens_of_the_snapshot_stand_for(self, folder, tmp_path, vault):
        write_csv(folder, SOUND)
        clock = fixed_clock(datetime(2026, 6, 1, tzinfo=UTC))
        snapshot = publish(tmp_path / "snapshots", deidentify(read(folder), vault, owner="owner"), clock=clock)
        snapshot.verify(content=True)
        assert (snapshot.manifest.source, snapshot.manifest.system) == ("csv", "clinic-a")

    @pytest.mark.parametrize(
        "said",
        [
            "",
            "basis: guesswork\nowner: x\nconsent: {asked: required}",
            "basis: public\nconsent: {asked: required}",
            "basis: public\nowner: x\nconsent: {asked: not-required}",
            "basis: public\nowner: x\nconsent: {asked: required}\nphone: 555",
            "basis: [",
            "basis: public\nowner: 2020-99-99\nconsent: {asked: required}",
            "a: &a [x, x]\nb: &b [*a, *a]\nc: [*b, *b]",
            "[" * 20_000,
            "# " + "long " * 20_000,
        ],
    )
    def test_that_does_not_say_what_it_has_to_is_refused(self, folder, said):
        write_csv(folder, SOUND)
        (folder / "dataset.yaml").write_text(said)
        with pytest.raises(Undeclared, match="`basis`"):
            read(folder)

    def test_that_is_missing_is_refused(self, folder):
        write_csv(folder, SOUND)
        (folder / "dataset.yaml").unlink()
        with pytest.raises(Undeclared, match="is missing"):
            read(folder)

    def test_is_not_needed_where_rows_are_only_scored(self, tmp_path, vault):
        path = write_csv(tmp_path, SOUND, name="today.csv")
        tables, records = load_for_scoring(make_source("csv"), str(path), vault, table="appointments")
        assert records["record_id"].to_list() == ["a1"]
        assert tables["patients"].height == 1


class TestCsv:
    def test_a_sound_row_is_read_in_canonical_types(self, folder):
        write_csv(folder, *[SOUND.replace("a1", f"a{n}") for n in range(400)])
        row = read(folder).tables["appointments"].row(0, named=True)
        assert (row["booked_at"], row["day"]) == (datetime.fromisoformat("2026-01-05T10:00:00"), date(2026, 1, 9))
        assert (row["site"], row["age"], row["welfare"], row["diabetes"]) == ("north", 44, True, None)

    @pytest.mark.parametrize("text", ["2026-01-05T10:00:00", "2026-01-05 10:00:00", "2026-01-05T12:00:00+02:00"])
    def test_moments_may_carry_a_zone(self, folder, text):
        write_csv(folder, SOUND.replace("2026-01-05T10:00:00Z", text))
        booked = read(folder).tables["appointments"]["booked_at"].item()
        assert booked == datetime.fromisoformat("2026-01-05T10:00:00")

    def test_packed_tables_are_read_too(self, folder):
        path = write_csv(folder, SOUND)
        (folder / "appointments.csv.gz").write_bytes(gzip.compress(path.read_bytes()))
        path.unlink()
        assert read(folder).tables["appointments"].height == 1

    def test_an_unknown_column_is_refused(self, folder):
        write_csv(folder, SOUND + ",555-1234", header=HEADER + ",phone")
        with pytest.raises(WrongColumns, match="position 10"):
            read(folder)

    def test_a_missing_required_column_is_named(self, folder):
        write_csv(folder, "a1,p1", header="appointment_id,patient_id")
        with pytest.raises(WrongColumns, match="booked_at, day, status"):
            read(folder)

    def test_a_folder_without_tables_is_refused(self, folder):
        with pytest.raises(NoTables, match=r"appointments\.csv"):
            read(folder)

    def test_a_single_file_of_another_name_is_told_by_its_columns(self, folder):
        assert read(write_csv(folder, SOUND, name="export-7.csv")).tables["appointments"].height == 1

    def test_a_single_file_that_is_no_table_is_refused(self, folder):
        with pytest.raises(NoTables):
            read(write_csv(folder, "1,2", header="a,b", name="x.csv"))


class TestRules:
    @pytest.mark.parametrize(
        ("rule", "old", "new"),
        [
            ("malformed-value", ",44,", ",forty,"),
            ("malformed-value", ",true,", ",perhaps,"),
            ("malformed-value", "2026-01-09", "9.1.2026"),
            ("missing-value", "p1", ""),
            ("broken-date", "2026-01-05", "1826-01-05"),
            ("negative-age", ",44,", ",-1,"),
            ("implausible-age", ",44,", ",130,"),
            ("unknown-code", "noshow", "ghosted"),
            ("booked-after-day", "2026-01-09", "2026-01-03"),
            ("contradictory-status", "noshow", "booked"),
        ],
    )
    def test_hold_back_a_row_and_keep_its_neighbour(self, folder, rule, old, new):
        write_csv(folder, SOUND.replace(old, new), SOUND.replace("a1", "a2"))
        raw = read(folder)
        assert raw.rejected["rule"].to_list() == [rule]
        assert raw.tables["appointments"]["appointment_id"].to_list() == ["a2"]

    def test_repetitions_and_conflicts(self, folder):
        write_csv(folder, SOUND, SOUND, SOUND.replace("a1", "a2"), SOUND.replace("a1", "a2").replace("44", "45"))
        raw = read(folder)
        assert raw.rejected["rule"].to_list() == ["repeated-row", "conflicting-id", "conflicting-id"]

    def test_encounters_hold_together(self, folder):
        header = "encounter_id,patient_id,ordinal,outcome_known_ordinal,admitted_on,discharged_on,procedures,insulin"
        write_csv(
            folder,
            "e1,p1,5,4,,,1,no", "e2,p1,5,6,2026-01-05,2026-01-03,1,no", "e3,p1,5,6,,,5000,no",
            "e4,p1,5,6,,,1,sometimes",
            "e5,p1,5,6,,,1,no", header=header, name="encounters.csv",
        )  # fmt: skip
        raw = read(folder)
        assert raw.rejected["rule"].to_list() == [
            "outcome-before-encounter", "discharged-before-admitted", "count-out-of-range", "unknown-code",
        ]  # fmt: skip
        assert raw.tables["encounters"]["encounter_id"].to_list() == ["e5"]

    def test_mend_what_can_be_mended(self, folder):
        write_csv(folder, SOUND.replace(",44,", ",99,").replace("2026-01-10T00:00:00Z", ""))
        raw = read(folder)
        row = raw.tables["appointments"].row(0, named=True)
        assert (row["age"], row["site"]) == (90, "other")
        assert row["outcome_known_at"] == datetime.fromisoformat("2026-01-10")
        assert raw.repaired == {"top-coded-age": 1, "small-site": 1, "assumed-outcome-time": 1}

    def test_merge_rare_words_of_the_systems_own_choice(self, folder):
        header = "encounter_id,patient_id,ordinal,specialty,payer"
        rows = [f"e{n},p{n},{n},{'cardiology' if n < 50 else 'dr-smith'}," for n in range(60)]
        write_csv(folder, *rows, header=header, name="encounters.csv")
        raw = read(folder)
        assert raw.tables["encounters"]["specialty"].unique().sort().to_list() == ["cardiology", "other"]
        assert raw.repaired == {"small-specialty": 10}

    def test_patients_that_only_other_tables_mention_are_added(self, folder):
        write_csv(folder, SOUND, SOUND.replace("a1", "a2").replace("p1", "p2"))
        write_csv(folder, "p2,female,", header="patient_id,sex,race", name="patients.csv")
        raw = read(folder)
        assert raw.tables["patients"].rows() == [("p2", "female", None), ("p1", None, None)]
        assert raw.repaired["patient-added"] == 1

    def test_consents_without_a_key_are_kept_once(self, folder):
        line = "p1,train,true,2026-01-05T10:00:00Z"
        write_csv(folder, line, line, header="patient_id,purpose,granted,at", name="consents.csv")
        raw = read(folder)
        assert raw.tables["consents"].height == 1
        assert raw.rejected["rule"].to_list() == ["repeated-row"]


class TestConform:
    def test_adds_what_is_absent_as_null_and_drops_nothing_silently(self):
        frame = conform(pl.DataFrame({"patient_id": ["p"]}), "patients")
        assert frame.rows() == [("p", None, None)]
