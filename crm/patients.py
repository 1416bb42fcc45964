"""Patients out of the rows that mention them."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from crm.canonical import conform


def one_row_a_patient(rows: pl.DataFrame, attributes: Sequence[str]) -> tuple[pl.DataFrame, dict[str, int]]:
    """Return the table `patients`, by first appearance, and how many patients contradict themselves, by rule.

    A patient's attribute is the one value that is known of it; where the rows say different things it is null,
    because nothing tells which is right.
    """
    known = [pl.col(name).drop_nulls() for name in attributes]
    grouped = rows.group_by("patient_id", maintain_order=True).agg(
        *(value.first() for value in known), *(value.n_unique().name.prefix("__different_") for value in known)
    )
    conflict = {name: pl.col(f"__different_{name}") > 1 for name in attributes}
    counts = grouped.select(met.sum().alias(f"contradictory-{name}") for name, met in conflict.items())
    patients = grouped.with_columns(
        pl.when(met).then(None).otherwise(pl.col(name)).alias(name) for name, met in conflict.items()
    )
    return conform(patients, "patients"), {name: int(count) for name, count in counts.to_dicts()[0].items() if count}
