"""Snapshots as scoring reads them: the newest one that holds a model's table, kept in memory."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol

import polars as pl

from caregate.settings import Settings
from crm.snapshot import Snapshot, SnapshotNotFound, latest
from crm.tables import TABLES
from serving.known.history import History, nothing_known
from serving.known.online_index import remove_unused

NOT_REQUIRED = "not-required"


class HistorySource(Protocol):
    """Where the history of patients comes from."""

    def mark(self) -> str:
        """Return a text that changes whenever `history` may answer differently."""

    def history(self, table: str) -> History:
        """Return what is known for models of `table`."""

    def newest(self, table: str, column: str) -> Any:
        """Return the greatest value of a column in what `history` returned last; None where there is none."""


class SnapshotHistory:
    """Reads the newest snapshot under `root`.

    Parameters
    ----------
    root
        Folder of the published snapshots.
    stores
        Folder of the rows by token that processes share; without it each builds its own.
    threads, memory_limit_gb
        What DuckDB may use for one snapshot.
    """

    def __init__(self, root: Path, *, stores: Path | None = None, threads: int, memory_limit_gb: float) -> None:
        self._root = root
        self._stores = stores
        self._threads = threads
        self._memory_limit_gb = memory_limit_gb
        self._loaded: dict[str, tuple[str, History]] = {}
        self._files: dict[str, Path] = {}

    def mark(self) -> str:
        """Return the names of the published snapshots."""
        return " ".join(sorted(path.name for path in self._root.iterdir())) if self._root.is_dir() else ""

    def history(self, table: str) -> History:
        """Return the newest snapshot that holds rows of `table`; nothing is known where there is none.

        Raises
        ------
        crm.snapshot.SnapshotChanged
            If its files are not what its manifest says.
        """
        try:
            snapshot = latest(self._root, table)
        except SnapshotNotFound:
            return nothing_known()
        digest = snapshot.manifest.digest
        if self._loaded.get(table, ("",))[0] != digest:
            self._loaded[table] = digest, self._load(snapshot, table)
        return self._loaded[table][1]

    def newest(self, table: str, column: str) -> Any:
        """Return the greatest value of a column in what `history` returned last; None where there is none."""
        file = self._files.get(table)
        return None if file is None else pl.scan_parquet(file).select(pl.col(column).max()).collect().item()

    def _load(self, snapshot: Snapshot, table: str) -> History:
        snapshot.verify()
        self._files[table] = snapshot.path(table)
        if self._stores is not None:
            remove_unused(self._stores, keep={store_name(item) for item in self._newest_of_each()})
        return History(
            {name: snapshot.path(name) for name in ("patients", "consents", table)},
            system=snapshot.manifest.system,
            name=store_name(snapshot),
            stores=self._stores,
            threads=self._threads,
            memory_limit_gb=self._memory_limit_gb,
            consent_required=snapshot.manifest.consent.get("asked") != NOT_REQUIRED,
            as_of=datetime.fromisoformat(snapshot.manifest.created_at),
        )

    def _newest_of_each(self) -> Iterator[Snapshot]:
        for table in TABLES:
            with suppress(SnapshotNotFound):
                yield latest(self._root, table)


def store_name(snapshot: Snapshot) -> str:
    """Return what the rows by token of a snapshot are kept under."""
    return snapshot.manifest.digest.removeprefix("sha256:")[:32]


def snapshot_history(settings: Settings, *, stores: Path | None = None) -> SnapshotHistory:
    """Return the history of a home; parameters as in `SnapshotHistory`."""
    return SnapshotHistory(
        settings.snapshots_dir, stores=stores, threads=settings.threads, memory_limit_gb=settings.memory_limit_gb
    )
