"""The UCI file "Diabetes 130-US hospitals for years 1999-2008" (Strack et al. 2014, doi 10.1155/2014/781670)."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import polars as pl

from crm import icd9
from crm.canonical import conform
from crm.csv_text import read_csv
from crm.patients import one_row_a_patient
from crm.reading import require_location
from crm.record_number import plain_decimal
from crm.rules import releasing, sort_out
from crm.source import RawTables, Released
from crm.sources import diabetes_130_codes as codes
from crm.sources import diabetes_130_rules as rules

CONSENT = {
    "asked": "not-required",
    "reason": "public data set (UCI, CC BY 4.0), de-identified by its publisher; no person is identified",
}
MISSING = "?"


class Diabetes130Source:
    """Reads ``diabetic_data.csv`` or a file of its kind, plain or gzipped.

    `readmitted` may be empty or absent: the label is then unknown.
    """

    name = "diabetes-130"

    def read(
        self,
        location: str | None,
        *,
        for_scoring: bool = False,  # noqa: ARG002
        released: Released | None = None,
    ) -> RawTables:
        """Read and map the file at `location`; what is merged goes by fixed lists, for scoring as for publishing.

        Raises
        ------
        BadInput
            If the file cannot be used.
        """
        path: Path = require_location(self.name, location)
        text = read_csv(path, rules.COLUMNS, optional=(rules.LABEL,))
        rows = _with_order(text.rows.with_columns(pl.all().replace(MISSING, None)))
        asked = rules.encounter_rules()
        passes = releasing(released, self.name, "encounters")
        found = sort_out(rows, asked, table="encounters", key="encounter_id", original=text.rows, passes=passes)
        mapped = found.kept.select(**_attributes(), **_stay(), **_drugs(), **_order())
        patients, contradictions = one_row_a_patient(mapped, ("sex", "race"))
        return RawTables(
            source=self.name,
            source_digest=text.digest,
            tables={"patients": patients, "encounters": conform(mapped, "encounters")},
            basis="public",
            consent=CONSENT,
            rejected=found.rejected,
            repaired={**found.repaired, **contradictions},
            records={"encounters": found.records},
            released=found.released,
            text=text.rows,
        )


def _with_order(rows: pl.DataFrame) -> pl.DataFrame:
    """Add each encounter's place in time and that of the patient's next one.

    The places count all rows, held back or not: a patient who comes back and dies has come back.
    """
    placed = rows.with_columns(rules.ENCOUNTER.rank("dense").cast(pl.Int64).alias("__ordinal"))
    following = pl.col("__ordinal").shift(-1).over(plain_decimal("patient_nbr"), order_by="__ordinal")
    return placed.with_columns(following.alias("__next"))


def _order() -> dict[str, pl.Expr]:
    return {"ordinal": pl.col("__ordinal"), "outcome_known_ordinal": pl.col("__next")}


def _attributes() -> dict[str, pl.Expr]:
    return {
        "encounter_id": plain_decimal("encounter_id"),
        "patient_id": plain_decimal("patient_nbr"),
        "sex": _mapped("gender", codes.SEX),
        "race": _mapped("race", {name: name for name in codes.RACES}),
        "age": pl.col("age").replace_strict(codes.AGES, default=None, return_dtype=pl.Int16),
        "payer": _mapped("payer_code", {name: name for name in codes.PAYERS}, rare="other"),
        "specialty": _mapped("medical_specialty", codes.SPECIALTIES, rare="other"),
    }


def _stay() -> dict[str, pl.Expr]:
    return {
        "admission_type": _mapped("admission_type_id", codes.ADMISSION_TYPE),
        "admission_source": _mapped("admission_source_id", codes.ADMISSION_SOURCE),
        "disposition": _mapped("discharge_disposition_id", codes.DISPOSITION),
        "days_in_hospital": _count("time_in_hospital"),
        "lab_procedures": _count("num_lab_procedures"),
        "procedures": _count("num_procedures"),
        "medications": _count("num_medications"),
        "outpatient_visits": _count("number_outpatient"),
        "emergency_visits": _count("number_emergency"),
        "inpatient_visits": _count("number_inpatient"),
        "diagnoses": _count("number_diagnoses"),
        "diagnosis_1": icd9.group_of("diag_1"),
        "diagnosis_2": icd9.group_of("diag_2"),
        "diagnosis_3": icd9.group_of("diag_3"),
        "glucose_test": _mapped("max_glu_serum", codes.GLUCOSE),
        "a1c_test": _mapped("A1Cresult", codes.A1C),
        "readmitted_within_30_days": _truth(rules.LABEL, codes.READMITTED),
    }


def _drugs() -> dict[str, pl.Expr]:
    return {
        "insulin": _mapped("insulin", codes.DOSE),
        "metformin": _mapped("metformin", codes.DOSE),
        "diabetes_drugs": pl.sum_horizontal(pl.col(name) != "No" for name in rules.DRUGS),
        "drugs_changed": pl.sum_horizontal(pl.col(name).is_in(["Up", "Down"]) for name in rules.DRUGS),
        "medication_change": _truth("change", codes.CHANGE),
        "diabetes_medication": _truth("diabetesMed", codes.MEDICATION),
    }


def _mapped(column: str, meaning: Mapping[str, str], rare: str | None = None) -> pl.Expr:
    known = pl.col(column).replace_strict(meaning, default=rare, return_dtype=pl.String)
    return pl.when(pl.col(column).is_not_null()).then(known)


def _truth(column: str, meaning: Mapping[str, bool]) -> pl.Expr:
    return pl.col(column).replace_strict(meaning, default=None, return_dtype=pl.Boolean)


def _count(column: str) -> pl.Expr:
    return pl.col(column).str.to_integer(strict=False)
