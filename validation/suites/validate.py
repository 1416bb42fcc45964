"""Holding tables against their suites."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from functools import reduce
from operator import or_

import pandas as pd
import polars as pl
from polars import selectors

from validation.suites.expectations import judge
from validation.suites.result import Finding, Outcome, SuiteResult, TableSize, joined
from validation.suites.rule import Rule, Suite, load_suite
from validation.suites.view import VIEWS


def validate_tables(
    tables: Mapping[str, pl.DataFrame | pd.DataFrame],
    suites: Sequence[str],
    *,
    as_of: datetime,
    seed: int = 0,
) -> SuiteResult:
    """Hold `tables` against `suites`.

    What follows from several rows is computed on all of them. Rules that allow no exception are held against every row;
    the others are judged on a sample where the table is larger than the suite's ``sample_rows``. The two are judged
    apart, or rows that break a rule would be more frequent in the sample than in the table.

    Parameters
    ----------
    tables
        Canonical tables by name.
    suites
        Names of suites, each that of its table.
    as_of
        The moment of the snapshot: nothing later can be known.
    seed
        Of the sample.

    Raises
    ------
    UnknownSuite
        If a suite does not exist.
    """
    loaded = [load_suite(name) for name in suites]
    results = [
        judge_view(VIEWS[suite.table](_polars(tables[suite.table]), as_of), suite, seed=seed) for suite in loaded
    ]
    return joined(results, {})


def judge_view(view: pl.DataFrame, suite: Suite, *, seed: int = 0) -> SuiteResult:
    """Hold a table's `view` against its `suite`: all rows, or of too many what `sample` and `breaking` choose."""
    if len(view) <= suite.sample_rows:
        findings = judge(suite.table, suite.rules, _pandas(view), layer=suite.layer)
        return SuiteResult(findings, {suite.table: TableSize(len(view), len(view))})
    strict = [rule for rule in suite.rules if rule.allows_none]
    lenient = [rule for rule in suite.rules if not rule.allows_none]
    found = judge(suite.table, lenient, _pandas(sample(view, suite, seed)), layer=suite.layer)
    held = judge(suite.table, strict, _pandas(breaking(view, suite)), layer=suite.layer)
    by_rule = {each.rule: each for each in (*found, *_counted_in_all(held, strict, view))}
    findings = tuple(by_rule[rule.id] for rule in suite.rules)
    return SuiteResult(findings, {suite.table: TableSize(len(view), suite.sample_rows)})


def sample(view: pl.DataFrame, suite: Suite, seed: int) -> pl.DataFrame:
    """Return rows drawn by chance, in their order, for rules that allow exceptions and for means."""
    return view[pl.Series(range(len(view)), dtype=pl.UInt32).sample(suite.sample_rows, seed=seed).sort()]


def breaking(view: pl.DataFrame, suite: Suite) -> pl.DataFrame:
    """Return the first row, and of each rule that allows no exception the first rows that break it.

    Every rule has its share of the sample's size: one that all rows break hides no other.
    """
    strict = [rule for rule in suite.rules if rule.allows_none]
    most = max(1, suite.sample_rows // max(1, len(strict)))
    shown = [_breaks(rule) & (_breaks(rule).cum_sum() <= most) for rule in strict]
    return view.filter(reduce(or_, shown, pl.int_range(pl.len()) == 0))


def _counted_in_all(held: Sequence[Finding], strict: Sequence[Rule], view: pl.DataFrame) -> Iterator[Finding]:
    """Yield the findings on strict rules, judged on rows that break them, with the counts of all rows."""
    if not strict:
        return
    broken = view.select(_breaks(rule).sum().alias(rule.id) for rule in strict).row(0, named=True)
    missing = view.select(pl.col(rule.column).null_count().alias(rule.id) for rule in strict).row(0, named=True)
    for each in held:
        faultless = each.outcome is not Outcome.ERROR
        counts = {"unexpected": broken[each.rule], "missing": missing[each.rule]} if faultless else {}
        yield replace(each, rows=len(view), **counts)


def _breaks(rule: Rule) -> pl.Expr:
    return _broken(rule).fill_null(value=False)


def _pandas(view: pl.DataFrame) -> pd.DataFrame:
    """Return the view for Great Expectations, which compares 64-bit numbers at once and all others one by one."""
    return view.with_columns(
        (selectors.integer() | selectors.boolean()).cast(pl.Int64), selectors.float().cast(pl.Float64)
    ).to_pandas()


def _broken(rule: Rule) -> pl.Expr:
    if rule.expect == "ColumnValuesToNotBeNull":
        return pl.col(rule.column).is_null()
    value = pl.col(rule.column).cast(pl.Float64)
    low, high = rule.arguments.get("min_value"), rule.arguments.get("max_value")
    below = value < low if low is not None else pl.lit(value=False)
    above = value > high if high is not None else pl.lit(value=False)
    return below | above


def _polars(rows: pl.DataFrame | pd.DataFrame) -> pl.DataFrame:
    return rows if isinstance(rows, pl.DataFrame) else pl.from_pandas(rows)
