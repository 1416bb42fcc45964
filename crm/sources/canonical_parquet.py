"""Canonical Parquet: bounded, and only columns and types that are known."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from caregate.errors import BadInput
from crm.canonical import required_columns, schema_of
from crm.csv_text import WrongColumns
from crm.policy import door_policy
from crm.reading import UnreadableFile, require_file

BYTES_A_VALUE = 8
READABLE = (
    *(pa.types.is_null, pa.types.is_string, pa.types.is_large_string, pa.types.is_string_view),
    *(pa.types.is_dictionary, pa.types.is_integer, pa.types.is_boolean, pa.types.is_date, pa.types.is_timestamp),
)
"""Kinds of Arrow types that can stand in a canonical column; nested ones are not even read."""


class WrongTypes(BadInput):
    """A Parquet file's column has a type that does not fit."""

    def __init__(self, name: str, columns: list[str]) -> None:
        super().__init__(f"{name}: the column(s) {', '.join(columns)} do not have the types of crm/tables.py")


def read_parquet(path: Path, table: str) -> pl.DataFrame:
    """Read the Parquet file at `path` in the types of canonical `table`; absent nullable columns are null.

    Raises
    ------
    UnreadableFile
        If it is no whole Parquet file, unpacks to too much, or has no row.
    WrongColumns, WrongTypes
        If a column is missing, unknown or of another type.
    """
    require_file(path)
    try:
        with pq.ParquetFile(path) as file:
            _require_bounded(path, file.metadata)
            _require_columns(path, file.schema_arrow, table)
            frame = pl.DataFrame(pl.from_arrow(file.read()))
    except (pa.ArrowException, OSError, pl.exceptions.PolarsError):
        raise UnreadableFile(path, "is no whole Parquet file; copy or export it again") from None
    if not frame.height:
        raise UnreadableFile(path, "has no rows; export it again")
    return _cast(path, frame, table)


def read_parquet_parts(path: Path, table: str, *, rows: int, skip: int) -> Iterator[pl.DataFrame]:
    """Yield what `read_parquet` reads of the file at `path`, `rows` rows at a time, without the first `skip` parts.

    No more than a part and a row group is in memory, so that the file may be larger than all of it.

    Raises
    ------
    UnreadableFile, WrongColumns, WrongTypes
        As `read_parquet`, but a file may unpack to any size; each row group alone is bounded.
    """
    require_file(path)
    try:
        with pq.ParquetFile(path, pre_buffer=False) as file:  # what is read ahead is kept until the file is closed
            _require_bounded_groups(path, file.metadata)
            _require_columns(path, file.schema_arrow, table)
            for number, batch in enumerate(file.iter_batches(batch_size=rows)):
                if number >= skip:
                    yield _cast(path, pl.DataFrame(pl.from_arrow(batch)), table)
    except (pa.ArrowException, OSError, pl.exceptions.PolarsError):
        raise UnreadableFile(path, "is no whole Parquet file; copy or export it again") from None


def parquet_columns(path: Path) -> list[str]:
    """Return the column names of the Parquet file at `path`.

    Raises
    ------
    UnreadableFile
        If it is no Parquet file.
    """
    require_file(path)
    try:
        return [str(name) for name in pq.read_schema(path).names]
    except (pa.ArrowException, OSError):
        raise UnreadableFile(path, "is no whole Parquet file; copy or export it again") from None


def _require_bounded(path: Path, metadata: pq.FileMetaData) -> None:
    groups = [metadata.row_group(place) for place in range(metadata.num_row_groups)]
    unpacked = sum(group.total_byte_size for group in groups)
    values = metadata.num_rows * metadata.num_columns * BYTES_A_VALUE
    if max(unpacked, values) > door_policy().most_bytes:
        raise UnreadableFile(path, "unpacks to more than crm/policy.yaml allows; split it, or look who sent it")


def _require_bounded_groups(path: Path, metadata: pq.FileMetaData) -> None:
    groups = [metadata.row_group(place) for place in range(metadata.num_row_groups)]
    if not metadata.num_rows:
        raise UnreadableFile(path, "has no rows; export it again")
    values = max(group.num_rows for group in groups) * metadata.num_columns * BYTES_A_VALUE
    if max(values, *(group.total_byte_size for group in groups)) > door_policy().most_bytes:
        raise UnreadableFile(
            path, "has a row group that unpacks to more than crm/policy.yaml allows; write smaller ones"
        )


def _require_columns(path: Path, schema: pa.Schema, table: str) -> None:
    known = schema_of(table)
    missing = [name for name in required_columns(table) if name not in schema.names]
    unknown = [
        place + 1 for place, name in enumerate(schema.names) if name not in known or name in schema.names[:place]
    ]
    if missing or unknown:
        raise WrongColumns(path.name, missing, unknown)
    odd = [field.name for field in schema if not any(is_kind(field.type) for is_kind in READABLE)]
    if odd:
        raise WrongTypes(path.name, odd)


def _cast(path: Path, frame: pl.DataFrame, table: str) -> pl.DataFrame:
    wanted = schema_of(table)
    wrong = [name for name, kind in frame.schema.items() if not _fits(kind, wanted[name])]
    if wrong:
        raise WrongTypes(path.name, wrong)
    try:
        return frame.select(_column(frame, name, kind) for name, kind in wanted.items())
    except pl.exceptions.PolarsError:  # a number too large for its column
        raise WrongTypes(path.name, ["of whole numbers"]) from None


def _fits(found: pl.DataType, wanted: pl.DataType) -> bool:
    if found == pl.Null:
        return True
    if wanted == pl.String:
        return found in (pl.String, pl.Categorical, pl.Enum) or found.is_integer()
    if wanted.is_integer():
        return found.is_integer()
    return found.base_type() == wanted.base_type()


def _column(frame: pl.DataFrame, name: str, kind: pl.DataType) -> pl.Expr:
    if name not in frame.columns:
        return pl.lit(None, kind).alias(name)
    column = pl.col(name)
    if isinstance(found := frame.schema[name], pl.Datetime) and found.time_zone:
        column = column.dt.convert_time_zone("UTC").dt.replace_time_zone(None)
    return column.cast(kind)
