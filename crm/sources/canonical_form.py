"""The two forms that canonical tables come in: CSV and Parquet."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from crm.canonical import required_columns, schema_of
from crm.csv_text import read_csv, read_header
from crm.reading import is_folder
from crm.sources.canonical_parquet import parquet_columns, read_parquet
from crm.sources.canonical_text import UNREAD, typed
from crm.tables import TABLES


@dataclass(frozen=True, slots=True)
class Form:
    """How one form is told and read.

    Attributes
    ----------
    suffixes
        What file names end in.
    columns
        Returns the names of a file's columns.
    rows
        Returns a table's rows as they stand in the file, and in canonical types with the flag `UNREAD`.
    """

    suffixes: tuple[str, ...]
    columns: Callable[[Path], list[str]]
    rows: Callable[[Path, str], tuple[pl.DataFrame, pl.DataFrame]]

    def find(self, place: Path) -> dict[str, Path]:
        """Return the file of each table at `place`: a folder of them, or one file, told by its name or its columns."""
        if not is_folder(place):
            table = self._table_of(place)
            return {table: place} if table else {}
        return {
            table: place / f"{table}{suffix}"
            for table in TABLES
            for suffix in reversed(self.suffixes)
            if (place / f"{table}{suffix}").is_file()
        }

    def _table_of(self, path: Path) -> str | None:
        for table in TABLES:
            if path.name in {f"{table}{suffix}" for suffix in self.suffixes}:
                return table
        names = set(self.columns(path))
        fitting = [table for table in TABLES if set(required_columns(table)) <= names <= set(schema_of(table))]
        return fitting[0] if len(fitting) == 1 else None


def _csv_rows(path: Path, table: str) -> tuple[pl.DataFrame, pl.DataFrame]:
    columns = list(schema_of(table))
    optional = [name for name in columns if name not in required_columns(table)]
    text = read_csv(path, columns, optional=optional).rows
    return text, typed(text, table)


def _parquet_rows(path: Path, table: str) -> tuple[pl.DataFrame, pl.DataFrame]:
    rows = read_parquet(path, table)
    return rows, rows.with_columns(pl.lit(value=False).alias(UNREAD))


CSV = Form((".csv", ".csv.gz"), read_header, _csv_rows)
PARQUET = Form((".parquet",), parquet_columns, _parquet_rows)
