"""Snapshots: canonical tables as Parquet with a manifest, written aside and renamed, named by their content."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Manifest:
    """What a snapshot is and where it came from.

    Attributes
    ----------
    digest
        ``sha256:…`` of the content: tables, rows and order, tokens numbered by first appearance (so that the same
        input gives the same digest in every home), basis, owner and counts.
    source, source_digest
        Name of the source and ``sha256:…`` of the bytes that were read.
    tables
        Rows of each table.
    files
        ``sha256:…`` of each Parquet file as it lies in the folder.
    quarantined
        Rows held back, by rule.
    repaired
        Values changed, by rule (an age top-coded, a small site merged).
    basis, owner
        Legal basis and who answers for the data.
    consent
        Whether consent is asked per patient (``required``) or not (``not-required``), and why.
    created_at
        Moment of publication, ISO 8601 UTC; no part of the digest.
    """

    digest: str
    source: str
    source_digest: str
    tables: Mapping[str, int]
    files: Mapping[str, str]
    quarantined: Mapping[str, int]
    repaired: Mapping[str, int]
    basis: str
    owner: str
    consent: Mapping[str, str]
    created_at: str


@dataclass(frozen=True)
class Snapshot:
    """A published snapshot: its manifest and the folder that holds its files."""

    manifest: Manifest
    folder: Path

    def path(self, table: str) -> Path:
        """Return the Parquet file of `table`."""
        return self.folder / f"{table}.parquet"
