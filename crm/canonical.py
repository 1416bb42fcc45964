"""The canonical tables as polars sees them."""

from __future__ import annotations

from collections.abc import Mapping

import polars as pl
import pyarrow as pa

from crm.tables import TABLES

_TYPES: Mapping[pa.DataType, pl.DataType] = {
    pa.string(): pl.String(),
    pa.bool_(): pl.Boolean(),
    pa.int8(): pl.Int8(),
    pa.int16(): pl.Int16(),
    pa.int64(): pl.Int64(),
    pa.date32(): pl.Date(),
    pa.timestamp("us"): pl.Datetime("us"),
}


def schema_of(table: str) -> pl.Schema:
    """Return the columns of canonical `table` with their polars types, in order."""
    return pl.Schema({field.name: _TYPES[field.type] for field in TABLES[table]})


def empty(table: str) -> pl.DataFrame:
    """Return canonical `table` without a row."""
    return pl.DataFrame(schema=schema_of(table))


def conform(frame: pl.DataFrame, table: str) -> pl.DataFrame:
    """Return `frame` with exactly the columns of canonical `table`: cast, ordered, absent ones null.

    Raises
    ------
    polars.exceptions.InvalidOperationError
        If a value does not fit its column's type.
    """
    schema = schema_of(table)
    columns = [pl.col(name) if name in frame.columns else pl.lit(None).alias(name) for name in schema]
    return frame.select(column.cast(schema[name]) for name, column in zip(schema, columns, strict=True))


def required_columns(table: str) -> tuple[str, ...]:
    """Return the columns of canonical `table` that are never null."""
    return tuple(field.name for field in TABLES[table] if not field.nullable)
