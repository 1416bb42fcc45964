"""Sound files of each source's kind, made up, as frames of text."""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np
import polars as pl

from crm.sources.diabetes_130_rules import COLUMNS as ENCOUNTER_COLUMNS
from crm.sources.diabetes_130_rules import DRUGS

ROWS = 600
FIRST = date(2016, 5, 2)


def appointment_file() -> pl.DataFrame:
    """Return appointments in which no rule but those on the file's own form finds anything."""
    chance = np.random.default_rng(1)
    lead = chance.integers(0, 30, ROWS)
    day = [FIRST + timedelta(days=int(place) % 20) for place in range(ROWS)]
    booked = [each - timedelta(days=int(days)) for each, days in zip(day, lead, strict=True)]
    return pl.DataFrame(
        {
            "PatientId": [str(10_000_000 + place) for place in range(ROWS)],
            "AppointmentID": [str(5_000_000 + place) for place in range(ROWS)],
            "Gender": chance.choice(["F", "M"], ROWS),
            "ScheduledDay": [f"{each}T08:{place % 60:02}:00Z" for place, each in enumerate(booked)],
            "AppointmentDay": [f"{each}T00:00:00Z" for each in day],
            "Age": chance.integers(0, 80, ROWS).astype(str),
            "Neighbourhood": chance.choice(["CENTRO", "MARUIPE"], ROWS),
            **{name: chance.integers(0, 2, ROWS).astype(str) for name in ("Scholarship", "Hipertension", "Diabetes")},
            "Alcoholism": ["0"] * ROWS,
            "Handcap": ["0"] * ROWS,
            "SMS_received": chance.integers(0, 2, ROWS).astype(str),
            "No-show": chance.choice(["Yes", "No"], ROWS, p=[0.2, 0.8]),
        }
    )


def encounter_file() -> pl.DataFrame:
    """Return encounters in which no rule but those on the file's own form finds anything."""
    chance = np.random.default_rng(2)

    def drawn(*words: str) -> np.ndarray:
        return chance.choice(list(words), ROWS)

    count = {name: chance.integers(1, 9, ROWS).astype(str) for name in COUNTED}
    said = {
        "encounter_id": [str(1_000_000 + place) for place in range(ROWS)],
        "patient_nbr": [str(7_000_000 + place) for place in range(ROWS)],
        "race": drawn("Caucasian", "AfricanAmerican"),
        "gender": drawn("Female", "Male"),
        "age": drawn("[50-60)", "[60-70)", "[70-80)"),
        "weight": ["[75-100)"] * ROWS,
        "admission_type_id": drawn("1", "2", "3"),
        "discharge_disposition_id": drawn("1", "3", "6"),
        "admission_source_id": drawn("1", "7"),
        "payer_code": drawn("MC", "HM"),
        "medical_specialty": drawn("InternalMedicine", "Cardiology"),
        **count,
        "diag_1": drawn("428", "414"),
        "diag_2": drawn("276", "250.01"),
        "diag_3": drawn("401", "427"),
        "max_glu_serum": drawn("Norm", ">200"),
        "A1Cresult": drawn("Norm", ">8"),
        **{name: drawn("No", "Steady") for name in DRUGS},
        "change": drawn("Ch", "No"),
        "diabetesMed": drawn("Yes", "No"),
        "readmitted": chance.choice(["<30", ">30", "NO"], ROWS, p=[0.1, 0.4, 0.5]),
    }
    return pl.DataFrame({name: said[name] for name in ENCOUNTER_COLUMNS})


COUNTED = (
    *("time_in_hospital", "num_lab_procedures", "num_procedures", "num_medications"),
    *("number_outpatient", "number_emergency", "number_inpatient", "number_diagnoses"),
)
