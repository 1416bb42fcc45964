"""Questions to columns of text that every raw view asks."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence

import polars as pl


def wrong_columns(rows: pl.DataFrame, columns: Collection[str]) -> pl.Expr:
    """Return how many of `columns` are missing in `rows` or stand there unasked, on every row."""
    return pl.repeat(len(set(columns) ^ set(rows.columns)), pl.len(), dtype=pl.Int32)


def flags(found: Mapping[str, pl.Expr]) -> dict[str, pl.Expr]:
    """Return each of `found` as 0 or 1; what cannot be asked is no finding."""
    return {name: expression.fill_null(value=False).cast(pl.Int8) for name, expression in found.items()}


def any_of(ask: Callable[[str], pl.Expr], columns: Sequence[str]) -> pl.Expr:
    """Tell where `ask` holds for one of `columns` at least."""
    return pl.any_horizontal([ask(name).fill_null(value=False) for name in columns])


def whole_number(column: str) -> pl.Expr:
    """Return the column's whole numbers; null where there is none."""
    return pl.col(column).str.to_integer(strict=False)


def malformed(column: str) -> pl.Expr:
    """Tell where something stands that is no whole number."""
    return pl.col(column).is_not_null() & whole_number(column).is_null()


def repeated_key(key: pl.Expr) -> pl.Expr:
    """Return how many rows carry the row's key; null where it has none."""
    return pl.when(key.is_not_null()).then(pl.len().over(key))


def copied(columns: Sequence[str], *, but: str) -> pl.Expr:
    """Tell where another row is the same but for one column."""
    return pl.struct(*(name for name in columns if name != but)).is_duplicated().cast(pl.Int8)


def on_first(column: str, value: pl.Expr) -> pl.Expr:
    """Return `value` on the first row of each level of the column, null elsewhere: levels are counted, not rows."""
    return pl.when(pl.col(column).is_not_null() & pl.col(column).is_first_distinct()).then(value)
