"""Rules for rows: each has a name, a reason, and says whether a row is held back or mended."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import partial

import polars as pl

from crm.source import REJECTED, Released

Passes = Callable[[str, str], bool]
"""Tells of a rule's name and a row as JSON whether a person released this very row from it."""

WHOSE = "nobody can say whose row it is, and a release would not change that"
CONTRACT = "the contract of the table refuses such a row whoever vouches for it"
UNMAPPED = "what the row says cannot be mapped and would be lost without a word"
LABEL_TOLD = "the label would be made up, or would tell the outcome"
TWICE = "nothing is lost: the same row stands in the snapshot already"
"""Why no person can release a row from a rule: what is wrong has to be mended where the row comes from."""


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
    binding
        Why no person can release a row from the rule; empty where one can.
    """

    name: str
    reason: str
    action: Action
    applies: pl.Expr
    binding: str = ""


def quarantine(name: str, reason: str, applies: pl.Expr, *, binding: str) -> Rule:
    """Return a rule that holds rows back; `binding` is empty where a person may release one."""
    return Rule(name, reason, Action.QUARANTINE, applies, binding)


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
    released
        Kept rows that a person released, by the rule that they passed.
    """

    kept: pl.DataFrame
    records: pl.DataFrame
    rejected: pl.DataFrame
    repaired: Mapping[str, int]
    released: Mapping[str, int]


def releasing(released: Released | None, system: str, table: str) -> Passes | None:
    """Return which rows of `table` of `system` pass which rule, None where nothing was released."""
    return partial(released, system, table) if released else None


def sort_out(
    rows: pl.DataFrame,
    rules: Sequence[Rule],
    *,
    table: str,
    key: str,
    original: pl.DataFrame,
    passes: Passes | None = None,
) -> Sorted:
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
    passes
        Rows that were released from a rule; the other rules still hold them back. Asked of rows held back alone.
    """
    asked = [rule for rule in rules if rule.action is Action.QUARANTINE]
    numbered = [rule.applies.fill_null(value=False).alias(str(place)) for place, rule in enumerate(asked)]
    met = rows.select(numbered)
    held = met.select(pl.any_horizontal(pl.all())).to_series()
    doubted = _doubted(rows, held, table=table, key=key, original=original)
    verdict, released = _judge(met.filter(held), asked, doubted["raw"], passes)
    rejected = doubted.with_columns(verdict).filter(pl.col("rule").is_not_null())
    if released:
        held = _but_for(held, doubted["row_number"].filter(verdict.is_null()))
    kept = rows.filter(~held)
    number = pl.int_range(1, rows.height + 1, dtype=pl.Int64, eager=True).alias("row_number")
    return Sorted(
        kept=kept,
        records=pl.DataFrame({"row_number": number.filter(~held), "record_id": kept[key]}),
        rejected=rejected.select(REJECTED.names()).cast(REJECTED),
        repaired=count_repairs(kept, rules),
        released=released,
    )


def _doubted(rows: pl.DataFrame, held: pl.Series, *, table: str, key: str, original: pl.DataFrame) -> pl.DataFrame:
    return original.filter(held).select(
        pl.lit(table).alias("table"),
        held.arg_true().cast(pl.Int64).alias("row_number") + 1,
        rows[key].filter(held).alias("record_id"),
        pl.struct(pl.all()).struct.json_encode().alias("raw"),
    )


def _judge(
    met: pl.DataFrame, asked: Sequence[Rule], raw: pl.Series, passes: Passes | None
) -> tuple[pl.Series, dict[str, int]]:
    """Return the first rule that holds each row back, null where every rule that it meets was released."""
    first = pl.coalesce(pl.when(pl.col(str(place))).then(pl.lit(rule.name)) for place, rule in enumerate(asked))
    verdict = met.select(first.alias("rule")).to_series()
    if passes is None:
        return verdict, {}
    free = {rule.name for rule in asked if not rule.binding}
    said, released = verdict.to_list(), dict[str, int]()
    for place, name in enumerate(said):
        if name not in free or not passes(name, raw[place]):
            continue
        names = [rule.name for rule, meets in zip(asked, met.row(place), strict=True) if meets]
        stops = [rule for rule in names if rule not in free or not passes(rule, raw[place])]
        said[place] = stops[0] if stops else None
        for rule in names if not stops else ():
            released[rule] = released.get(rule, 0) + 1
    return pl.Series("rule", said, dtype=pl.String), dict(sorted(released.items()))


def _but_for(held: pl.Series, numbers: pl.Series) -> pl.Series:
    free = pl.Series(numbers.len() * [False], dtype=pl.Boolean)
    return held.clone().scatter((numbers - 1).to_list(), free)


def count_repairs(rows: pl.DataFrame, rules: Sequence[Rule]) -> dict[str, int]:
    """Return how many of `rows` each repair changes, rules that change none left out."""
    repairs = [rule for rule in rules if rule.action is Action.REPAIR]
    if not repairs:
        return {}
    counts = rows.select(rule.applies.fill_null(value=False).sum().alias(rule.name) for rule in repairs)
    return {name: int(count) for name, count in counts.row(0, named=True).items() if count}
