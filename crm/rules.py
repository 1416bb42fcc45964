"""Rules for rows: each has a name, a reason, and says whether a row is held back or mended."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

import polars as pl

from crm.source import REJECTED


class Action(StrEnum):
    """What becomes of a row that meets a rule."""

    QUARANTINE = "quarantine"
    REPAIR = "repair"


@dataclass(frozen=True)
class Rule:
    """One kind of defect.

    Attributes
    ----------
    name
        As counted in the manifest.
    reason
        Why rows of this kind cannot stay as they are.
    action
        Held back, or mended.
    applies
        True for the rows that meet the rule; null counts as false.
    """

    name: str
    reason: str
    action: Action
    applies: pl.Expr


def quarantine(name: str, reason: str, applies: pl.Expr) -> Rule:
    """Return a rule that holds rows back."""
    return Rule(name, reason, Action.QUARANTINE, applies)


def repair(name: str, reason: str, applies: pl.Expr) -> Rule:
    """Return a rule whose rows are mended by the mapping."""
    return Rule(name, reason, Action.REPAIR, applies)


@dataclass(frozen=True)
class Sorted:
    """Rows after the rules.

    Attributes
    ----------
    kept
        The rows that no rule holds back, with all their columns.
    records
        Where they stood in the source, in the schema `crm.source.RECORDS`.
    rejected
        The rows held back, in the schema `crm.source.REJECTED`.
    repaired
        Kept rows that a repair changes, by rule.
    """

    kept: pl.DataFrame
    records: pl.DataFrame
    rejected: pl.DataFrame
    repaired: Mapping[str, int]


def sort_out(rows: pl.DataFrame, rules: Sequence[Rule], *, table: str, key: str, original: pl.DataFrame) -> Sorted:
    """Hold back the rows that meet a rule, each under the first that it meets, and count what is to be mended.

    Parameters
    ----------
    rows
        The source's rows in their order.
    rules
        In the order in which they are asked.
    table
        The canonical table that the rows are for.
    key
        Column of the source's own record id.
    original
        The same rows as the source has them: what is kept of a row held back.
    """
    verdict = [pl.when(rule.applies).then(pl.lit(rule.name)) for rule in rules if rule.action is Action.QUARANTINE]
    judged = rows.with_columns(
        pl.coalesce(*verdict).alias("__rule"), pl.int_range(1, pl.len() + 1, dtype=pl.Int64).alias("__row")
    )
    kept = judged.filter(pl.col("__rule").is_null())
    met = judged["__rule"].is_not_null()
    rejected = judged.filter(met).select(
        pl.lit(table).alias("table"),
        pl.col("__rule").alias("rule"),
        pl.col("__row").alias("row_number"),
        pl.col(key).alias("record_id"),
        original.filter(met).select(pl.struct(pl.all()).struct.json_encode()).to_series().alias("raw"),
    )
    return Sorted(
        kept=kept.drop("__rule", "__row"),
        records=kept.select(pl.col("__row").alias("row_number"), pl.col(key).alias("record_id")),
        rejected=rejected.cast(REJECTED),
        repaired=count_repairs(kept, rules),
    )


def count_repairs(rows: pl.DataFrame, rules: Sequence[Rule]) -> dict[str, int]:
    """Return how many of `rows` each repair changes, rules that change none left out."""
    repairs = [rule for rule in rules if rule.action is Action.REPAIR]
    if not repairs:
        return {}
    counts = rows.select(rule.applies.fill_null(value=False).sum().alias(rule.name) for rule in repairs)
    return {name: int(count) for name, count in counts.row(0, named=True).items() if count}
