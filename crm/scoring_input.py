"""Rows that are to be scored or evaluated: mapped at the door like all others, and never published."""

from __future__ import annotations

import json
from collections.abc import Iterator

import polars as pl

from crm.canonical import required_columns
from crm.deidentify import exchange
from crm.identity_rules import MISSING_VALUE
from crm.quarantine import ReleasedRows
from crm.source import RawTables, Source
from crm.sources.canonical_files import ParquetSource
from crm.tables import IDENTIFIERS
from governance.vault import Vault

OUTCOMES = pl.Schema(
    {
        "row_number": pl.Int64(),
        "record_id": pl.String(),
        "token": pl.String(),
        "rule": pl.String(),
        "lacking": pl.String(),
    }
)
"""Every row of an input in its order: the source's own record id, and its token or the rule that held it back.

`lacking` names the columns for the want of which a row is held back, in the canonical table's order; null elsewhere."""
RECORD = "record_id"


def load_for_scoring(
    source: Source, location: str | None, vault: Vault, *, table: str
) -> tuple[dict[str, pl.DataFrame], pl.DataFrame]:
    """Return canonical tables with tokens, and what each row of the input became.

    Parameters
    ----------
    source, location
        What to read and where.
    vault
        Of the home; a patient that it does not know gets a token, as at ingest.
    table
        The canonical table whose rows are to be scored.

    Returns
    -------
    tables
        Canonical tables; those that the source does not fill are left out.
    records
        In the schema `OUTCOMES`, one row for every row of the input; `rule` is null where the row can be scored.
    """
    raw = source.read(location, for_scoring=True, released=ReleasedRows.of(vault))
    tables = exchange(raw, vault)
    return tables, _records(raw, tables, table)


def parts_for_scoring(
    source: Source, location: str | None, vault: Vault, *, table: str, rows: int, skip: int = 0
) -> Iterator[tuple[pl.DataFrame, pl.DataFrame]]:
    """Yield canonical rows and what each row of the input became, `rows` rows of the input at a time.

    Canonical Parquet is read as it is asked for, whatever its size; every other source is read whole first.

    Parameters
    ----------
    source, location, vault, table
        As of `load_for_scoring`.
    rows, skip
        Rows of the input in a part, and how many parts were had before.
    """
    if isinstance(source, ParquetSource):
        for raw in source.parts(location, table, rows=rows, skip=skip, released=ReleasedRows.of(vault)):
            tables = exchange(raw, vault)
            yield tables[table], _records(raw, tables, table)
        return
    tables, records = load_for_scoring(source, location, vault, table=table)
    canonical = tables.get(table)
    for number in range(skip, -(-records.height // rows)):
        part = records.slice(number * rows, rows)
        kept = part.drop_nulls("token").select(pl.col("token").alias(IDENTIFIERS[table][0]))
        if canonical is not None:
            yield canonical.join(kept, on=IDENTIFIERS[table][0], how="semi", maintain_order="left"), part


def _records(raw: RawTables, tables: dict[str, pl.DataFrame], table: str) -> pl.DataFrame:
    rejected = raw.rejected.filter(pl.col("table") == table)
    held_back = rejected.select("row_number", "record_id", "rule", _lacking(rejected, table))
    if table not in tables:
        return pl.concat([pl.DataFrame(schema=OUTCOMES), held_back], how="diagonal")
    key = IDENTIFIERS[table][0]
    every = raw.tables[table].select(pl.int_range(1, pl.len() + 1).alias("row_number"), pl.col(key).alias("record_id"))
    kept = raw.records.get(table, every).with_columns(tables[table][key].alias("token"))
    return pl.concat([pl.DataFrame(schema=OUTCOMES), kept, held_back], how="diagonal").sort("row_number")


def _lacking(held_back: pl.DataFrame, table: str) -> pl.Series:
    """Name what rows lack that may not lack it; where a source has names of its own, nothing is named."""
    required = required_columns(table)
    found: list[str | None] = []
    for rule, text in held_back.select("rule", "raw").iter_rows():
        row = json.loads(text) if rule == MISSING_VALUE else {}
        empty = [name for name in required if name in row and row[name] is None]
        found.append(", ".join(RECORD if name == IDENTIFIERS[table][0] else name for name in empty) or None)
    return pl.Series("lacking", found, dtype=pl.String)
