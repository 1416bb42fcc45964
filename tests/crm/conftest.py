"""A home's vault, and files of the two public sets made by hand."""

from __future__ import annotations

import csv
import secrets
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

import pytest

from crm.sources import diabetes_130_rules, noshow_kaggle_rules
from governance.database import migrate, open_database
from governance.seals import with_key
from governance.vault import Vault

Row = Mapping[str, str]
Write = Callable[[Iterable[Row]], Path]

APPOINTMENT = {
    **{"PatientId": "29872499824296", "AppointmentID": "5642903", "Gender": "F"},
    **{"ScheduledDay": "2016-04-29T18:38:08Z", "AppointmentDay": "2016-05-03T00:00:00Z", "Age": "62"},
    **{"Neighbourhood": "CENTRO", "Scholarship": "0", "Hipertension": "1", "Diabetes": "0", "Alcoholism": "0"},
    **{"Handcap": "0", "SMS_received": "0", "No-show": "No"},
}
ENCOUNTER = {
    **{"encounter_id": "149190", "patient_nbr": "55629189", "race": "Caucasian", "gender": "Female"},
    **{"age": "[10-20)", "weight": "?", "admission_type_id": "1", "discharge_disposition_id": "1"},
    **{"admission_source_id": "7", "time_in_hospital": "3", "payer_code": "?", "medical_specialty": "?"},
    **{"num_lab_procedures": "59", "num_procedures": "0", "num_medications": "18", "number_outpatient": "0"},
    **{"number_emergency": "0", "number_inpatient": "0", "diag_1": "276", "diag_2": "250.01", "diag_3": "255"},
    **{"number_diagnoses": "9", "max_glu_serum": "None", "A1Cresult": "None"},
    **dict.fromkeys(diabetes_130_rules.DRUGS, "No"),
    **{"insulin": "Up", "change": "Ch", "diabetesMed": "Yes", "readmitted": ">30"},
}


def write_rows(path: Path, columns: Iterable[str], rows: Iterable[Row]) -> Path:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(columns), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    return path


@pytest.fixture
def appointments(tmp_path: Path) -> Write:
    """Writes an appointments file; each row is given as its differences from a sound one."""

    def write(changes: Iterable[Row]) -> Path:
        rows = [
            APPOINTMENT | {"AppointmentID": str(5_000_000 + place)} | dict(row) for place, row in enumerate(changes)
        ]
        return write_rows(tmp_path / "appointments.csv", noshow_kaggle_rules.COLUMNS, rows)

    return write


@pytest.fixture
def encounters(tmp_path: Path) -> Write:
    """Writes an encounters file; each row is given as its differences from a sound one."""

    def write(changes: Iterable[Row]) -> Path:
        rows = [ENCOUNTER | {"encounter_id": str(1000 + place)} | dict(row) for place, row in enumerate(changes)]
        return write_rows(tmp_path / "encounters.csv", diabetes_130_rules.COLUMNS, rows)

    return write


def make_vault(folder: Path, key: bytes | None = None) -> Vault:
    folder.mkdir(parents=True, exist_ok=True)
    url = f"sqlite:///{folder / 'ledger.db'}"
    migrate(url)
    return Vault(with_key(open_database(url), b"s" * 32), key or secrets.token_bytes(64))


@pytest.fixture
def vault(tmp_path: Path) -> Vault:
    return make_vault(tmp_path / "home")


@pytest.fixture
def new_vault(tmp_path: Path) -> Callable[[str], Vault]:
    """Makes the vault of a home of that name, each with a key of its own."""
    return lambda name: make_vault(tmp_path / name)
