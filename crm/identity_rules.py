"""Rules that hold for the rows of every source: keys there, numbers whole, no row twice."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from crm.record_number import lost_digits, well_formed, written_as_float
from crm.rules import CONTRACT, TWICE, UNMAPPED, WHOSE, Rule, quarantine, repair

MISSING_VALUE = "missing-value"


def missing_value(required: Sequence[str]) -> Rule:
    """Hold back rows without a value in a column that nothing can stand in for."""
    return quarantine(
        MISSING_VALUE,
        "a column without which the row means nothing is empty",
        pl.any_horizontal(pl.col(*required).is_null()),
        binding=CONTRACT,
    )


def malformed_number(columns: Sequence[str], reason: str = "a number is no whole number") -> Rule:
    """Hold back rows where a filled column of whole numbers holds something else."""
    wrong = [pl.col(name).is_not_null() & pl.col(name).str.to_integer(strict=False).is_null() for name in columns]
    return quarantine("malformed-number", reason, pl.any_horizontal(wrong), binding=UNMAPPED)


def record_number_rules(columns: Sequence[str]) -> tuple[Rule, ...]:
    """Rules for columns of record numbers."""
    return (
        quarantine(
            "malformed-id",
            "a record number is no number, so nobody can say whose row it is",
            pl.any_horizontal([~well_formed(name) for name in columns]),
            binding=WHOSE,
        ),
        quarantine(
            "id-lost-digits",
            "scientific notation rounded the last digits away: several patients may share what is left",
            pl.any_horizontal([lost_digits(name) for name in columns]),
            binding=WHOSE,
        ),
        repair(
            "id-written-as-float",
            "a record number went through a float; no digit is lost, so it is kept as the exact decimal text",
            pl.any_horizontal([written_as_float(name) for name in columns]),
        ),
    )


def repetition_rules(key: pl.Expr, columns: Sequence[str]) -> tuple[Rule, ...]:
    """Rules for the same row twice and for one key on different rows."""
    whole = pl.struct(*columns)
    first = whole.is_first_distinct()
    return (
        quarantine("repeated-row", "the same row stands here already; once is enough", ~first, binding=TWICE),
        quarantine(
            "conflicting-id",
            "different rows carry one record id, and nothing says which is right",
            key.is_not_null() & (first.cast(pl.Int32).sum().over(key) > 1),
            binding=CONTRACT,
        ),
    )
