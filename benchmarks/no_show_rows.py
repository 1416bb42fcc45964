"""Real appointments with what the synthetic parameters are fitted from, and the terms of the fitted scores."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy.typing as npt
import polars as pl

AGE_EDGES = [1, 5, 10, 15, 20, 25, 30, 35, 40, 45, 50, 55, 60, 65, 70, 75, 80, 85]
JOINT = 4
"""Patients booked in the same second from which on it is one act, such as a group session, and not coincidence."""
LEAD_BINS = [1, 2, 3, 4, 5, 6, 7, 8, 14, 15, 21, 22, 28, 29, 35, 43, 57]

OUTCOME_TERMS: list[dict[str, Any]] = [
    {"of": "lead", "edges": LEAD_BINS},
    {"of": "age", "edges": AGE_EDGES, "by": "lead", "by_edges": [1]},
    {"of": "age", "edges": [12, 20, 40, 60], "by": "lead", "by_edges": [3, 8, 22]},
    {"of": "hour", "edges": list(range(7, 19)), "by": "lead", "by_edges": [1]},
    {"of": "booked_weekday", "edges": [2, 3, 4, 5]},
    {"of": "weekday", "edges": [2, 3, 4, 5], "by": "lead", "by_edges": [1]},
    {"of": "visit_size", "edges": [2, 3, 4], "by": "lead", "by_edges": [1]},
    {"of": "day_size", "edges": [2, 3, 4], "by": "lead", "by_edges": [1]},
    {"of": "call_size", "edges": [2], "by": "call_day_size", "by_edges": [2]},
    {"of": "female", "edges": [1], "by": "age", "by_edges": [15, 45]},
    {"of": "welfare", "edges": [1], "by": "lead", "by_edges": [1]},
    {"of": "hypertension", "edges": [1]},
    {"of": "diabetes", "edges": [1]},
    {"of": "alcoholism", "edges": [1]},
    {"of": "disabilities", "edges": [1]},
    {"of": "reminded", "edges": [1]},
    {"of": "joint", "edges": [1], "by": "lead", "by_edges": [1]},
]
TRAIT_TERMS: list[dict[str, Any]] = [
    {"of": "age", "edges": AGE_EDGES},
    {"of": "female", "edges": [1]},
    {"of": "welfare", "edges": [1]},
    {"of": "hypertension", "edges": [1]},
    {"of": "diabetes", "edges": [1]},
]


def no_show_rows(tables: Mapping[str, pl.DataFrame]) -> pl.DataFrame:
    """Return the appointments of canonical `tables` whose outcome is known, by patient and booking."""
    reminded = tables["contacts"].select("appointment_id", reminded=pl.lit(1)).unique()
    booked_day = pl.col("booked_at").dt.date()
    return (
        tables["appointments"]
        .filter(pl.col("status").is_in(["fulfilled", "noshow"]))
        .join(tables["patients"].select("patient_id", "sex"), on="patient_id", maintain_order="left")
        .join(reminded, on="appointment_id", how="left", maintain_order="left")
        .with_columns(
            pl.col("reminded").fill_null(0),
            booked_day=booked_day,
            lead=(pl.col("day") - booked_day).dt.total_days(),
            hour=pl.col("booked_at").dt.hour().cast(pl.Int64),
            booked_weekday=booked_day.dt.weekday().cast(pl.Int64),
            weekday=pl.col("day").dt.weekday().cast(pl.Int64),
            female=(pl.col("sex") == "female").fill_null(value=False).cast(pl.Int64),
            missed=(pl.col("status") == "noshow").cast(pl.Int64),
            disabilities=(pl.col("disabilities") > 0).cast(pl.Int64),
            **{name: pl.col(name).cast(pl.Int64) for name in ("welfare", "hypertension", "diabetes", "alcoholism")},
        )
        .with_columns(
            visit_size=pl.len().over("patient_id", "booked_day").cast(pl.Int64),
            day_size=pl.len().over("patient_id", "day").cast(pl.Int64),
            call_size=pl.len().over("patient_id", "booked_at").cast(pl.Int64),
            joint=(pl.col("patient_id").n_unique().over("booked_at") >= JOINT).cast(pl.Int64),
            call_day_size=pl.len().over("patient_id", "booked_at", "day").cast(pl.Int64),
        )
        .sort("patient_id", "booked_at", "day")
    )


def term_columns(rows: pl.DataFrame, terms: Sequence[Mapping[str, Any]]) -> dict[str, npt.NDArray[Any]]:
    """Return the columns that `terms` ask for."""
    names = {term[key] for term in terms for key in ("of", "by") if key in term}
    return {name: rows[name].to_numpy() for name in sorted(names)}
