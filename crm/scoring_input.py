"""Rows that are to be scored or evaluated: mapped at the door like all others, and never published."""

from __future__ import annotations

import polars as pl

from crm.deidentify import exchange
from crm.source import RawTables, Source
from crm.tables import IDENTIFIERS
from governance.vault import Vault

OUTCOMES = pl.Schema({"row_number": pl.Int64(), "record_id": pl.String(), "token": pl.String(), "rule": pl.String()})
"""Every row of an input in its order: the source's own record id, and its token or the rule that held it back."""


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
    raw = source.read(location, for_scoring=True)
    tables = exchange(raw, vault)
    return tables, _records(raw, tables, table)


def _records(raw: RawTables, tables: dict[str, pl.DataFrame], table: str) -> pl.DataFrame:
    held_back = raw.rejected.filter(pl.col("table") == table).select("row_number", "record_id", "rule")
    if table not in tables:
        return pl.concat([pl.DataFrame(schema=OUTCOMES), held_back], how="diagonal")
    key = IDENTIFIERS[table][0]
    every = raw.tables[table].select(pl.int_range(1, pl.len() + 1).alias("row_number"), pl.col(key).alias("record_id"))
    kept = raw.records.get(table, every).with_columns(tables[table][key].alias("token"))
    return pl.concat([pl.DataFrame(schema=OUTCOMES), kept, held_back], how="diagonal").sort("row_number")
