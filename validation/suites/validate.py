"""Holding canonical tables against their suites."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import reduce
from operator import or_

import pandas as pd
import polars as pl

from validation.suites.expectations import judge
from validation.suites.result import Finding, SuiteResult, TableSize
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
    the others are judged on a sample where the table is larger than the suite's ``sample_rows``.

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
    findings: list[Finding] = []
    sizes = {}
    for name in suites:
        suite = load_suite(name)
        rows = _polars(tables[suite.table])
        chosen = choose(VIEWS[suite.table](rows, as_of), suite, seed)
        findings += judge(suite.table, suite.rules, chosen.to_pandas())
        sizes[suite.table] = TableSize(len(rows), len(chosen))
    return SuiteResult(tuple(findings), sizes)


def choose(view: pl.DataFrame, suite: Suite, seed: int) -> pl.DataFrame:
    """Return all rows; of too many a sample, and with it rows that break a rule which allows none, up to as many."""
    if len(view) <= suite.sample_rows:
        return view
    sampled = pl.Series(range(len(view)), dtype=pl.UInt32).sample(suite.sample_rows, seed=seed).sort()
    broken = [_broken(rule) for rule in suite.rules if rule.allows_none]
    if not broken:
        return view[sampled]
    at = view.select(reduce(or_, broken).fill_null(value=False).arg_true()).to_series().head(suite.sample_rows)
    return view[pl.concat([sampled, at.cast(pl.UInt32)]).unique().sort()]


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
