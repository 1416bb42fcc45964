"""The door itself: identifiers go out of the tables, tokens go in, and rows held back are sealed."""

from __future__ import annotations

from collections.abc import Mapping

import polars as pl

from crm.canonical import conform
from crm.source import Draft, RawTables
from crm.tables import IDENTIFIERS
from governance.row_keys import RowKeys
from governance.vault import Vault
from governance.vault import namespace as vault_namespace

SEALED = pl.Schema(
    {"table": pl.String(), "rule": pl.String(), "row_number": pl.Int64(), "key": pl.String(), "sealed": pl.Binary()}
)
"""The quarantine as it is written: `sealed` is null where the row was discarded before, `key` names the row's key."""


def deidentify(raw: RawTables, vault: Vault, *, owner: str) -> Draft:
    """Exchange every identifier in `raw` for its token and seal the rows held back.

    Parameters
    ----------
    raw
        What a source read.
    vault
        Of the home; an identifier that it does not know gets a token.
    owner
        Answers for the data where the source does not say who does.
    """
    return Draft(
        source=raw.source,
        source_digest=raw.source_digest,
        tables=exchange(raw, vault),
        quarantine=_seal(raw, vault),
        quarantined=_count(raw.rejected),
        repaired={name: count for name, count in raw.repaired.items() if count},
        basis=raw.basis,
        owner=raw.owner or owner,
        consent=raw.consent,
        released=raw.released,
        system=raw.whose,
    )


def exchange(raw: RawTables, vault: Vault) -> dict[str, pl.DataFrame]:
    """Return the tables of `raw` with tokens in the place of identifiers."""
    frames = {name: conform(frame, name) for name, frame in raw.tables.items()}
    kinds = sorted({column for name in frames for column in IDENTIFIERS[name]})
    for kind in kinds:
        holders = [name for name in frames if kind in IDENTIFIERS[name]]
        distinct = pl.concat([frames[name][kind] for name in holders]).drop_nulls().unique(maintain_order=True)
        tokens = _tokens(vault, namespace(raw, kind), distinct)
        frames |= {name: _replace(frames[name], kind, tokens) for name in holders}
    return frames


def namespace(raw: RawTables, kind: str) -> str:
    """Return the vault's namespace of the identifiers in columns called `kind`."""
    return vault_namespace(raw.whose, kind)


def _tokens(vault: Vault, place: str, distinct: pl.Series) -> pl.DataFrame:
    drawn: Mapping[str, str] = vault.tokens(place, distinct.to_list()) if len(distinct) else {}
    return pl.DataFrame(
        {"identifier": list(drawn), "token": list(drawn.values())}, schema={"identifier": pl.String, "token": pl.String}
    )


def _replace(frame: pl.DataFrame, kind: str, tokens: pl.DataFrame) -> pl.DataFrame:
    joined = frame.select(kind).join(tokens, left_on=kind, right_on="identifier", how="left", maintain_order="left")
    return frame.with_columns(joined["token"].alias(kind))


def _seal(raw: RawTables, vault: Vault) -> pl.DataFrame:
    rows = list(raw.rejected.select("table", "row_number", "raw").iter_rows())
    system = raw.whose
    marks = [row_mark(vault, system, table, text) for table, _, text in rows]
    keys = RowKeys(vault).draw(marks)
    sealed = [
        keys[mark].seal(quarantine_label(raw.source, table, number), text.encode())
        for mark, (table, number, text) in zip(marks, rows, strict=True)
    ]
    names = pl.Series("key", [keys[mark].name for mark in marks], dtype=pl.String)
    kept = raw.rejected.select("table", "rule", "row_number")
    return kept.with_columns(names, pl.Series("sealed", sealed, dtype=pl.Binary)).cast(SEALED)


def row_mark(vault: Vault, system: str, table: str, row: str) -> str:
    """Return by what a held-back `row` (as JSON) of `table` of `system` is known again, whatever file it comes in."""
    return vault.mark(f"quarantine/{system}/{table}", row.encode())


def quarantine_label(source: str, table: str, row_number: int) -> str:
    """Return what a sealed row is bound to, so that it does not open in another row's place."""
    return f"quarantine/{source}/{table}/{row_number}"


def _count(rejected: pl.DataFrame) -> dict[str, int]:
    counts = rejected.group_by("rule").len().sort("rule")
    return {rule: int(count) for rule, count in counts.iter_rows()}
