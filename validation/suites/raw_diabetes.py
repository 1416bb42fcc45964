"""What the raw rules look at in the "Diabetes 130-US hospitals" file: its text read apart from the door's reading.

Every column is a flag, a count or a number that follows from the text, computed on all rows; the text stays here.
"""

from __future__ import annotations

from collections.abc import Collection

import polars as pl

from crm.record_number import lost_digits, plain_decimal, well_formed, written_as_float
from crm.sources import diabetes_130_codes as codes
from crm.sources.diabetes_130_rules import CODES, COLUMNS, COUNTS, DIAGNOSES, DRUGS, KEYS, LABEL, REQUIRED
from validation.suites.raw_text import (
    any_of,
    copied,
    flags,
    malformed,
    on_first,
    repeated_key,
    whole_number,
    wrong_columns,
)

UNKNOWN = "?"
MARKED = ("weight", "medical_specialty", "payer_code", "race", *DIAGNOSES)
"""Columns in which the file writes a question mark for what is not known."""
TESTS = ("max_glu_serum", "A1Cresult")
PATIENT, ENCOUNTER = "patient_nbr", "encounter_id"


def diabetes_view(rows: pl.DataFrame) -> pl.DataFrame:
    """Return what the rules of `raw/diabetes-130.yaml` ask for, a row for each of `rows`, which are all text."""
    wrong = wrong_columns(rows, COLUMNS)
    text = rows.with_columns(pl.lit(None, pl.String).alias(name) for name in COLUMNS if name not in rows.columns)
    keyed = text.with_columns(__patient=plain_decimal(PATIENT), __order=_order())
    return keyed.select(
        wrong.alias("columns_wrong"),
        **_ids(),
        **flags(_marked() | _values() | _population() | _codes()),
        **_numbers(),
        **_repeats(),
        **_contradictions(),
        drug_usual_share=_usual_shares(text),
    )


def _order() -> pl.Expr:
    return plain_decimal(ENCOUNTER).cast(pl.Decimal(38, 12), strict=False)


def _ids() -> dict[str, pl.Expr]:
    found = {
        "id_scientific": any_of(written_as_float, KEYS),
        "id_digits_lost": any_of(lost_digits, KEYS),
        "id_malformed": any_of(lambda name: ~well_formed(name), KEYS),
    }
    return flags(found) | {"id_rows": repeated_key(plain_decimal(ENCOUNTER))}


def _marked() -> dict[str, pl.Expr]:
    return {f"{name}_unknown": pl.col(name) == UNKNOWN for name in MARKED}


def _values() -> dict[str, pl.Expr]:
    others = [name for name in COLUMNS if name not in (*REQUIRED, LABEL)]
    return {
        "required_empty": any_of(_blank, REQUIRED),
        "optional_empty": pl.any_horizontal(pl.col(*others).is_null()),
        "outcome_empty": pl.col(LABEL).is_null(),
        "test_not_measured": any_of(lambda name: pl.col(name) == "None", TESTS),
        "test_empty": pl.any_horizontal(pl.col(*TESTS).is_null()),
        "number_malformed": any_of(malformed, (*COUNTS, *CODES)),
        "age_not_bracket": _filled("age") & ~pl.col("age").is_in(list(codes.AGES)),
        "age_in_bracket": pl.col("age").is_in(list(codes.AGES)),
        "age_oldest": pl.col("age") == "[90-100)",
        "dose_unknown": any_of(lambda name: ~pl.col(name).is_in(list(codes.DOSE)), DRUGS),
        "medication_unknown": ~pl.col("change").is_in(list(codes.CHANGE))
        | ~pl.col("diabetesMed").is_in(list(codes.MEDICATION)),
        "outcome_unknown": _filled(LABEL) & ~pl.col(LABEL).is_in(list(codes.READMITTED)),
        "gender_unknown": _filled("gender") & ~pl.col("gender").is_in(list(codes.SEX)),
    }


def _population() -> dict[str, pl.Expr]:
    left = pl.col("discharge_disposition_id")
    died = left.is_in(list(codes.DIED))
    death = pl.when(died).then(pl.col("__order")).min().over("__patient")
    return {
        "died": died,
        "to_hospice": left.is_in(list(codes.HOSPICE)),
        "after_death": death < pl.col("__order"),
    }


def _codes() -> dict[str, pl.Expr]:
    known: dict[str, tuple[Collection[str], Collection[str]]] = {
        "admission_type_id": (codes.ADMISSION_TYPE, codes.ADMISSION_TYPE_UNKNOWN),
        "admission_source_id": (codes.ADMISSION_SOURCE, codes.ADMISSION_SOURCE_UNKNOWN),
        "discharge_disposition_id": (
            {*codes.DISPOSITION, *codes.DIED, *codes.HOSPICE},
            codes.DISPOSITION_UNKNOWN,
        ),
    }
    means_unknown = {f"{name}_means_unknown": pl.col(name).is_in(list(said)) for name, (_, said) in known.items()}
    strange = [_filled(name) & ~pl.col(name).is_in([*meant, *said]) for name, (meant, said) in known.items()]
    return means_unknown | {"code_strange": pl.any_horizontal(strange)}


def _numbers() -> dict[str, pl.Expr]:
    counts = [whole_number(name) for name in COUNTS]
    return {
        "least_count": pl.min_horizontal(counts),
        "most_count": pl.max_horizontal(counts),
        "readmitted": (pl.col(LABEL) == "<30").cast(pl.Int8),
    }


def _repeats() -> dict[str, pl.Expr]:
    patient = pl.col("__patient")
    return {
        "row_repeated": ~pl.struct(*COLUMNS).is_first_distinct(),
        "encounter_copied": copied(COLUMNS, but=ENCOUNTER),
        "further_encounter": (patient.is_not_null() & ~patient.is_first_distinct()).cast(pl.Int8),
        "specialty_rows": on_first("medical_specialty", pl.len().over("medical_specialty")),
        "payer_rows": on_first("payer_code", pl.len().over("payer_code")),
    }


def _contradictions() -> dict[str, pl.Expr]:
    race = pl.col("race")
    return {
        "patient_races": on_first("__patient", race.n_unique().over("__patient")),
        "patient_known_races": on_first(
            "__patient", race.replace(UNKNOWN, None).drop_nulls().n_unique().over("__patient")
        ),
        "patient_genders": on_first("__patient", pl.col("gender").n_unique().over("__patient")),
    }


def _usual_shares(rows: pl.DataFrame) -> pl.Series:
    """Return the share of each drug's most frequent word, a drug a row and null below: drugs are counted, not rows."""
    shares = rows.select(pl.col(name).unique_counts().max() / pl.len() for name in DRUGS).row(0)
    shown = [*shares, *[None] * rows.height][: rows.height]
    return pl.Series(shown, dtype=pl.Float64)


def _blank(column: str) -> pl.Expr:
    return pl.col(column).is_null() | (pl.col(column) == UNKNOWN)


def _filled(column: str) -> pl.Expr:
    return pl.col(column).is_not_null() & (pl.col(column) != UNKNOWN)
