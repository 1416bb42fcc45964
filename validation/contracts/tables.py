"""The hard contract of every canonical table: columns, types, nulls, keys, closed sets, ranges, tokens."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from functools import lru_cache

import pandera.polars as pa
import polars as pl

from crm.canonical import required_columns, schema_of
from crm.tables import IDENTIFIERS
from crm.vocabulary import KEYS, RANGES, WORDS

DRAWN = r"^[A-Za-z0-9_-]{16}$"
"""What the vault draws; an identifier that was not exchanged hardly ever has this form."""

ZONES = timedelta(days=1)
"""A moment is UTC and a day is local: the two may differ by a day."""

RELATIONS: Mapping[str, Mapping[str, pl.Expr]] = {
    "appointments": {
        "booked-by-its-day": pl.col("booked_at").dt.date() <= pl.col("day") + ZONES,
        "outcome-known-iff-over": (pl.col("status") == "booked") == pl.col("outcome_known_at").is_null(),
    },
    "encounters": {
        "outcome-known-later": pl.col("outcome_known_ordinal") > pl.col("ordinal"),
        "discharged-after-admitted": pl.col("discharged_on") >= pl.col("admitted_on"),
    },
}
"""What has to hold between the columns of a row; null holds."""


@lru_cache(maxsize=16)
def table_contract(table: str) -> pa.DataFrameSchema:
    """Return the contract of canonical `table`; hand it eager frames, a lazy one is checked for its schema only."""
    return pa.DataFrameSchema(
        {name: _column(table, name, kind) for name, kind in schema_of(table).items()},
        checks=[_relation(name, holds) for name, holds in RELATIONS.get(table, {}).items()],
        unique=[KEYS[table]] if table in KEYS else None,
        strict=True,
        ordered=True,
        name=table,
    )


def _column(table: str, name: str, kind: pl.DataType) -> pa.Column:
    checks = []
    if name in IDENTIFIERS[table]:
        checks.append(pa.Check.str_matches(DRAWN, name=f"{name}-is-token"))
    if name in WORDS.get(table, {}):
        checks.append(pa.Check.isin(sorted(WORDS[table][name]), name=f"{name}-is-known"))
    if name in RANGES.get(table, {}):
        low, high = RANGES[table][name]
        checks.append(pa.Check.in_range(low, high, name=f"{name}-in-range"))
    return pa.Column(kind, checks, nullable=name not in required_columns(table), name=name)


def _relation(name: str, holds: pl.Expr) -> pa.Check:
    def check(data: pa.PolarsData) -> pl.LazyFrame:
        return data.lazyframe.select(holds.fill_null(value=True))

    return pa.Check(check, name=name)
