"""What can be wrong with a row of the "Diabetes 130-US hospitals" file, and what is done about it."""

from __future__ import annotations

import polars as pl

from crm import icd9
from crm.identity_rules import malformed_number, missing_value, record_number_rules, repetition_rules
from crm.record_number import plain_decimal
from crm.rules import CONTRACT, LABEL_TOLD, UNMAPPED, WHOSE, Rule, quarantine, repair
from crm.sources import diabetes_130_codes as codes

LABEL = "readmitted"
KEYS = ("encounter_id", "patient_nbr")
CODES = ("admission_type_id", "discharge_disposition_id", "admission_source_id")
COUNTS = (
    *("time_in_hospital", "num_lab_procedures", "num_procedures", "num_medications"),
    *("number_outpatient", "number_emergency", "number_inpatient", "number_diagnoses"),
)
DIAGNOSES = ("diag_1", "diag_2", "diag_3")
DRUGS = (
    *("metformin", "repaglinide", "nateglinide", "chlorpropamide", "glimepiride", "acetohexamide", "glipizide"),
    *("glyburide", "tolbutamide", "pioglitazone", "rosiglitazone", "acarbose", "miglitol", "troglitazone"),
    *("tolazamide", "examide", "citoglipton", "insulin", "glyburide-metformin", "glipizide-metformin"),
    *("glimepiride-pioglitazone", "metformin-rosiglitazone", "metformin-pioglitazone"),
)
COLUMNS = (
    *(*KEYS, "race", "gender", "age", "weight", *CODES, "time_in_hospital", "payer_code", "medical_specialty"),
    *(*COUNTS[1:7], *DIAGNOSES, "number_diagnoses", "max_glu_serum", "A1Cresult", *DRUGS, "change", "diabetesMed"),
    LABEL,
)
REQUIRED = (*KEYS, *COUNTS, *DRUGS, "change", "diabetesMed")
MOST = 999
"""No count of a stay has more than three digits."""

ENCOUNTER = plain_decimal("encounter_id").cast(pl.Decimal(38, 12), strict=False)
DIED = pl.col("discharge_disposition_id").is_in(list(codes.DIED))


def encounter_rules() -> tuple[Rule, ...]:
    """Return the rules in the order in which they are asked."""
    return (
        missing_value(REQUIRED),
        *record_number_rules(KEYS),
        malformed_number((*COUNTS, *CODES)),
        *_value_rules(),
        *repetition_rules(plain_decimal("encounter_id"), COLUMNS),
        *_population_rules(),
        *_repairs(),
    )


def _value_rules() -> tuple[Rule, ...]:
    counts = [~pl.col(name).str.to_integer(strict=False).is_between(0, MOST) for name in COUNTS]
    drugs = [~pl.col(name).is_in(list(codes.DOSE)) for name in DRUGS]
    return (
        quarantine("count-out-of-range", "a count is below nought or past any stay", pl.any_horizontal(counts),
                   binding=CONTRACT),
        quarantine("unknown-age", "the age is none of the ten brackets of ten years", _unknown("age", codes.AGES),
                   binding=UNMAPPED),
        quarantine(
            "unknown-dose", "a drug is neither No, Steady, Up nor Down: the counts of drugs would be wrong",
            pl.any_horizontal(drugs), binding=UNMAPPED,
        ),
        quarantine(
            "unknown-medication", "change or diabetesMed holds what the file's description does not know",
            _unknown("change", codes.CHANGE) | _unknown("diabetesMed", codes.MEDICATION), binding=UNMAPPED,
        ),
        quarantine("unknown-status", "readmitted is neither <30, >30 nor NO", _unknown(LABEL, codes.READMITTED),
                   binding=LABEL_TOLD),
    )  # fmt: skip


def _population_rules() -> tuple[Rule, ...]:
    death = pl.when(DIED).then(ENCOUNTER).min().over(plain_decimal("patient_nbr"))
    return (
        quarantine("discharged-dead", "who died in hospital cannot come back: the label would leak", DIED,
                   binding=LABEL_TOLD),
        quarantine("after-death", "the patient died in an earlier encounter: one of the two is not theirs",
                   death < ENCOUNTER, binding=WHOSE),
        quarantine(
            "discharged-hospice", "who is discharged to die is not to be brought back: out of the population",
            pl.col("discharge_disposition_id").is_in(list(codes.HOSPICE)), binding="",
        ),
    )  # fmt: skip


def _repairs() -> tuple[Rule, ...]:
    unknown = [
        _unknown("admission_type_id", {*codes.ADMISSION_TYPE, *codes.ADMISSION_TYPE_UNKNOWN}),
        _unknown("admission_source_id", {*codes.ADMISSION_SOURCE, *codes.ADMISSION_SOURCE_UNKNOWN}),
        _unknown("discharge_disposition_id", {*codes.DISPOSITION, *codes.DISPOSITION_UNKNOWN}),
        _unknown("race", codes.RACES),
        _unknown("max_glu_serum", codes.GLUCOSE),
        _unknown("A1Cresult", codes.A1C),
        *(~icd9.well_formed(name) for name in DIAGNOSES),
    ]
    means_unknown = [
        pl.col("admission_type_id").is_in(list(codes.ADMISSION_TYPE_UNKNOWN)),
        pl.col("admission_source_id").is_in(list(codes.ADMISSION_SOURCE_UNKNOWN)),
        pl.col("discharge_disposition_id").is_in(list(codes.DISPOSITION_UNKNOWN)),
    ]
    return (
        repair("unknown-code", "a code that the file's description does not know; it is null",
               pl.any_horizontal(unknown)),
        repair("code-for-unknown", "a code that means NULL, Not Mapped or Not Available; it is null",
               pl.any_horizontal(means_unknown)),
        repair("unknown-sex", "gender is Unknown/Invalid, too few for any statistic; it is null",
               _unknown("gender", codes.SEX)),
        repair("top-coded-age", "[90-100) identifies; it stands for 90 and above", pl.col("age") == "[90-100)"),
        repair("rare-specialty", "a specialty with few encounters points at persons; it is merged as 'other'",
               _unknown("medical_specialty", codes.SPECIALTIES)),
        repair("rare-payer", "a payer of few encounters points at persons; it is merged as 'other'",
               _unknown("payer_code", codes.PAYERS)),
    )  # fmt: skip


def _unknown(column: str, known: object) -> pl.Expr:
    return ~pl.col(column).is_in(list(known))  # type: ignore[call-overload]
