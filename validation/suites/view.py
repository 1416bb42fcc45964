"""What the rules look at: a table's columns, and what follows from several of its rows, computed on all of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime

import polars as pl

MERGED = "other"
"""The level that small ones are merged into; it may be small itself."""


def appointments_view(rows: pl.DataFrame, as_of: datetime) -> pl.DataFrame:
    """Return the appointments with what the suite's rules ask for.

    Parameters
    ----------
    rows
        The canonical table.
    as_of
        The moment up to which things can be known: that of the snapshot.
    """
    moment = pl.lit(as_of.replace(tzinfo=None))
    ended = pl.col("status").is_in(["fulfilled", "noshow"])
    lead = (pl.col("day") - pl.col("booked_at").dt.date()).dt.total_days()
    known_before = (pl.col("day").cast(pl.Datetime("us")) - pl.col("outcome_known_at")).dt.total_days()
    return rows.select(
        *("age", "site", "welfare", "hypertension", "diabetes"),
        table_rows=pl.len(),
        lead_days=lead,
        same_day=lead == 0,
        missed=pl.when(ended).then(pl.col("status") == "noshow"),
        day_rows=pl.len().over("day"),
        site_rows=_level_rows("site"),
        copies=_copies(rows, but="appointment_id"),
        patient_day_rows=pl.len().over("patient_id", "day"),
        known_days_before=known_before,
        outcome_in_future=pl.col("outcome_known_at") > moment,
        booked_in_future=pl.col("booked_at") > moment,
        overdue=(pl.col("status") == "booked") & (pl.col("day") < moment.dt.offset_by("-31d").dt.date()),
        young_alcoholism=pl.col("alcoholism") & (pl.col("age") < 14),
        oldest=pl.col("age") >= 90,
    )


def encounters_view(rows: pl.DataFrame, as_of: datetime) -> pl.DataFrame:
    """Return the encounters with what the suite's rules ask for; parameters as for `appointments_view`."""
    names = ("diagnosis_1", "diagnosis_2", "diagnosis_3", "admission_type", "disposition", "specialty", "payer")
    counts = ("days_in_hospital", "lab_procedures", "medications", "diagnoses", "inpatient_visits", "emergency_visits")
    return rows.select(
        *("age", *names, *counts),
        table_rows=pl.len(),
        readmitted=pl.col("readmitted_within_30_days"),
        readmitted_alone=pl.when(pl.col("readmitted_within_30_days")).then(pl.col("outcome_known_ordinal").is_null()),
        patient_rows=pl.len().over("patient_id"),
        copies=_copies(rows, but="encounter_id", also=("ordinal", "outcome_known_ordinal")),
        **{f"{name}_rows": _level_rows(name) for name in ("disposition", "specialty", "payer", "admission_type")},
        glucose_measured=pl.col("glucose_test") != "not-measured",
        a1c_measured=pl.col("a1c_test") != "not-measured",
        drugs_without_medication=~pl.col("diabetes_medication") & (pl.col("diabetes_drugs") > 0),
        change_unrecorded=~pl.col("medication_change") & (pl.col("drugs_changed") > 0),
        same_diagnosis_twice=pl.col("diagnosis_1") == pl.col("diagnosis_2"),
        discharged_in_future=pl.col("discharged_on") > as_of.date(),
        oldest=pl.col("age") >= 90,
    )


VIEWS: Mapping[str, Callable[[pl.DataFrame, datetime], pl.DataFrame]] = {
    "appointments": appointments_view,
    "encounters": encounters_view,
}


def _level_rows(column: str) -> pl.Expr:
    """Return how many rows share the level; null where there is none or it is the merged one."""
    kept = pl.col(column).is_not_null() & (pl.col(column) != MERGED)
    return pl.when(kept).then(pl.len().over(column))


def _copies(rows: pl.DataFrame, *, but: str, also: tuple[str, ...] = ()) -> pl.Series:
    """Return how many rows are the same but for their id."""
    content = rows.select(pl.struct(pl.exclude(but, *also)).hash(seed=0).alias("content"))
    return content.select(pl.len().over("content").alias("copies"))["copies"]
