"""Whom a run may learn from: what the snapshot says of consents, and what patients said since to this home.

A snapshot never changes, so a word that comes later cannot enter it. It enters the run: who says no is left out from
the next run on, also where nobody has to be asked. A word that changes nobody's standing changes neither rows nor key.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import ibis
import polars as pl

from crm.canonical import conform, schema_of
from crm.snapshot import Snapshot
from crm.tables import TABLES
from governance.consent import Word
from governance.ledger import digest_of
from models.consent import TRAIN, consented

FILE = "consents.parquet"
BEFORE_ALL_WORDS = datetime(1970, 1, 1, tzinfo=UTC)
"""The moment of the consent that stands in for silence where a data set needs none of its own."""


@dataclass(frozen=True)
class StandingConsents:
    """Consents to train, where they differ from those of the snapshot alone.

    Attributes
    ----------
    rows
        In the schema of the canonical table ``consents``: these are to be read in the place of the snapshot's.
    digest
        ``sha256:…`` of whose standing has changed and how. Patients are numbered as the snapshot lists them, because
        tokens are chance: the same words on the same data give the same digest in every home.
    left_out
        Patients who were read until now, and are not any more.
    """

    rows: pl.DataFrame = field(repr=False, compare=False)
    digest: str
    left_out: int

    def write(self, folder: Path) -> None:
        """Write the table into `folder`."""
        self.rows.write_parquet(folder / FILE)


def standing_consents(snapshot: Snapshot, table: str, words: Mapping[str, Word]) -> StandingConsents | None:
    """Return what patients said since, where it changes who may be trained on; None where it does not.

    Parameters
    ----------
    snapshot
        The data.
    table
        The canonical table that rows are trained on.
    words
        Last word on training of each patient in the ledger, by token.
    """
    if not words:
        return None
    patients = _patients(snapshot, table)
    known = {token: words[token] for token in patients["patient_id"].to_list() if token in words}
    if not known:
        return None
    first = _first_words(snapshot, patients)
    rows = pl.concat([first, _said(known)])
    before, after = _allowed(patients, first), _allowed(patients, rows)
    if before == after:
        return None
    changed = [[at, token in after] for at, token in enumerate(patients["patient_id"]) if (token in before ^ after)]
    return StandingConsents(rows, digest_of(changed), len(before - after))


def _patients(snapshot: Snapshot, table: str) -> pl.DataFrame:
    listed = [pl.read_parquet(snapshot.path(name), columns=["patient_id"]) for name in ("patients", table)]
    return pl.concat(listed).unique(maintain_order=True)


def _first_words(snapshot: Snapshot, patients: pl.DataFrame) -> pl.DataFrame:
    if snapshot.manifest.consent.get("asked") == "required":
        return conform(pl.read_parquet(snapshot.path("consents")), "consents")
    implied = patients.with_columns(
        pl.lit(TRAIN).alias("purpose"),
        pl.lit(value=True).alias("granted"),
        pl.lit(BEFORE_ALL_WORDS.replace(tzinfo=None)).alias("at"),
    )
    return conform(implied, "consents")


def _said(words: Mapping[str, Word]) -> pl.DataFrame:
    rows = [
        {
            "patient_id": token,
            "purpose": TRAIN,
            "granted": word.granted,
            "at": word.at.astimezone(UTC).replace(tzinfo=None),
            "notice": word.notice,
        }
        for token, word in words.items()
    ]
    return pl.DataFrame(rows, schema=schema_of("consents"))


def _allowed(patients: pl.DataFrame, consents: pl.DataFrame) -> set[str]:
    tables = {
        "patients": ibis.memtable(patients.to_arrow()),
        "consents": ibis.memtable(consents.to_arrow().cast(TABLES["consents"])),
    }
    allowed = consented(tables, TRAIN)["patients"].to_pyarrow()
    return set(allowed.column("patient_id").to_pylist())
