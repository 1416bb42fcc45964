"""Canonical CSV: text to the canonical types."""

from __future__ import annotations

import polars as pl

from crm.canonical import schema_of

MOMENTS = ("%Y-%m-%dT%H:%M:%S%.fZ", "%Y-%m-%dT%H:%M:%S%.f", "%Y-%m-%d %H:%M:%S%.f")
ZONED = "%Y-%m-%dT%H:%M:%S%.f%:z"
TRUTHS = {"true": True, "false": False, "1": True, "0": False}
UNREAD = "__unread"
"""Flags the rows in which a value could not be read as its column's type."""


def typed(text: pl.DataFrame, table: str) -> pl.DataFrame:
    """Return `text` in the types of canonical `table`; a value that does not fit is null and its row flagged."""
    read = {name: _read(name, kind) for name, kind in schema_of(table).items()}
    lost = [pl.col(name).is_not_null() & value.is_null() for name, value in read.items()]
    return text.select(**read, **{UNREAD: pl.any_horizontal(lost)})


def _read(name: str, kind: pl.DataType) -> pl.Expr:
    text = pl.col(name)
    if kind == pl.String:
        return text
    if kind == pl.Boolean:
        return text.str.to_lowercase().replace_strict(TRUTHS, default=None, return_dtype=pl.Boolean)
    if kind == pl.Date:
        return text.str.to_date("%Y-%m-%d", strict=False)
    if kind == pl.Datetime:
        return _moment(text)
    return text.str.to_integer(strict=False).cast(kind, strict=False)


def _moment(text: pl.Expr) -> pl.Expr:
    plain = [text.str.to_datetime(form, strict=False, time_unit="us") for form in MOMENTS]
    zoned = text.str.to_datetime(ZONED, strict=False, time_unit="us", time_zone="UTC").dt.replace_time_zone(None)
    return pl.coalesce(*plain, zoned)
