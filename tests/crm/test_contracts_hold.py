"""Whatever a file holds, what comes through the door keeps its contracts: the door's rules leave no gap."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from crm.canonical import schema_of
from crm.deidentify import deidentify
from crm.source import make_source
from crm.vocabulary import WORDS
from governance.vault import Vault
from validation.contracts.basis import check_basis
from validation.contracts.check import check_all

ODD = st.sampled_from(
    [
        "",
        "0",
        "1",
        "-1",
        "5",
        "91",
        "114",
        "115",
        "130",
        "1000",
        "true",
        "false",
        "maybe",
        "2026-01-05",
        "1800-01-01",
        "2026-01-05T10:00:00Z",
        "2031-01-05T10:00:00Z",
        "p1",
        "é",
        "booked",
        "noshow",
        "fulfilled",
        "female",
        "up",
    ]
)
QUIET = settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)


def rows_of(table: str) -> st.SearchStrategy[list[dict[str, str]]]:
    words = WORDS.get(table, {})
    cells = {
        name: st.one_of(ODD, st.sampled_from(sorted(words[name]))) if name in words else ODD
        for name in schema_of(table)
    }
    return st.lists(st.fixed_dictionaries(cells), min_size=1, max_size=12)


def changes_of(*columns: str) -> st.SearchStrategy[list[dict[str, str]]]:
    return st.lists(st.dictionaries(st.sampled_from(columns), ODD), min_size=1, max_size=6)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "dataset.yaml").write_text("basis: limited-data-set\nowner: x\nconsent: {asked: required}\n")
    return tmp_path


class TestCanonicalFiles:
    @QUIET
    @given(data=st.data())
    def test_keep_their_contracts_whatever_they_hold(self, folder, vault, data):
        table = data.draw(st.sampled_from(["patients", "appointments", "encounters", "consents", "contacts"]))
        rows = data.draw(rows_of(table))
        pl.DataFrame(rows).write_csv(folder / f"{table}.csv")
        raw = make_source("csv").read(str(folder / f"{table}.csv"))
        check_basis(raw.basis, raw.consent, raw.tables)
        check_all(deidentify(raw, vault, owner="x").tables)
        kept = raw.records[table]["row_number"].to_list()
        assert sorted(kept + raw.rejected["row_number"].to_list()) == list(range(1, len(rows) + 1))

    @QUIET
    @given(changes=changes_of("day", "booked_at", "age", "status"))
    def test_sound_appointments_with_one_thing_wrong(self, folder, vault, changes):
        sound = {
            "patient_id": "p",
            "booked_at": "2026-01-05T10:00:00Z",
            "day": "2026-01-05",
            "status": "noshow",
            "age": "4",
        }
        pl.DataFrame([{"appointment_id": f"a{n}"} | sound | row for n, row in enumerate(changes)]).write_csv(
            folder / "a.csv"
        )
        raw = make_source("csv").read(str(folder / "a.csv"))
        check_all(deidentify(raw, vault, owner="x").tables)


class TestPublicSets:
    @QUIET
    @given(rows=changes_of("PatientId", "ScheduledDay", "AppointmentDay", "Age", "No-show"))
    def test_appointments_keep_their_contracts(self, appointments, vault, rows):
        self.pass_the_door("noshow-kaggle", appointments(rows), vault)

    @QUIET
    @given(rows=changes_of("patient_nbr", "age", "diag_1", "race", "number_inpatient"))
    def test_encounters_keep_their_contracts(self, encounters, vault, rows):
        self.pass_the_door("diabetes-130", encounters(rows), vault)

    @staticmethod
    def pass_the_door(source: str, path: Path, vault: Vault) -> None:
        raw = make_source(source).read(str(path))
        check_basis(raw.basis, raw.consent, raw.tables)
        check_all(deidentify(raw, vault, owner="x").tables)
