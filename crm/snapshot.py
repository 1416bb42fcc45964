"""Snapshots: canonical tables as Parquet with a manifest, written aside and renamed, named by their content."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow.parquet as pq

from caregate.clock import Clock
from caregate.errors import CaregateError, NotFound
from crm.atomic_folder import write_whole
from crm.canonical import conform, empty
from crm.content_digest import content_digest
from crm.reading import file_digest
from crm.source import Draft
from crm.tables import TABLES

MANIFEST = "manifest.json"
QUARANTINE = "quarantine"
ROW_GROUP = 262_144
SHORTEST_PREFIX = 8


class SnapshotNotFound(NotFound):
    """No published snapshot answers to the reference."""


class SnapshotChanged(CaregateError):
    """A snapshot's files are not what its manifest says."""

    def __init__(self, digest: str, what: str) -> None:
        super().__init__(f"snapshot {digest[:19]}: {what}; restore it from the backup or ingest its source again")


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
    released
        Rows that stand in the tables because a person released them, by the rule that they passed.
    system
        The system whose identifiers the tokens stand for.
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
    released: Mapping[str, int] = field(default_factory=dict)
    system: str = ""


@dataclass(frozen=True)
class Snapshot:
    """A published snapshot: its manifest and the folder that holds its files."""

    manifest: Manifest
    folder: Path

    def path(self, table: str) -> Path:
        """Return the Parquet file of `table`."""
        return self.folder / f"{table}.parquet"

    def verified(self, table: str) -> Path:
        """Return the Parquet file of `table` after hashing it again.

        Raises
        ------
        SnapshotChanged
            If it is missing or differs.
        """
        self._verify_file(self.path(table).name)
        return self.path(table)

    def verify(self, *, content: bool = False) -> None:
        """Hash the files again, and with `content` also what they say.

        The files' hashes stand in the manifest, which lies beside them; the content's digest is the snapshot's name, so
        it also finds out who changed both.

        Raises
        ------
        SnapshotChanged
            If a file is missing or differs.
        """
        for name in self.manifest.files:
            self._verify_file(name)
        if content and self._content_digest() != self.manifest.digest:
            raise SnapshotChanged(self.manifest.digest, "its content does not match its digest")

    def _verify_file(self, name: str) -> None:
        path = self.folder / name
        if not path.is_file():
            raise SnapshotChanged(self.manifest.digest, f"{name} is missing")
        if file_digest(path) != self.manifest.files[name]:
            raise SnapshotChanged(self.manifest.digest, f"{name} was changed")

    def _content_digest(self) -> str:
        tables = {name: pl.read_parquet(self.path(name)) for name in TABLES}
        return content_digest(tables, pl.read_parquet(self.path(QUARANTINE)), _facts(self.manifest))


def publish(root: Path, draft: Draft, *, clock: Clock) -> Snapshot:
    """Write `draft` as a snapshot under `root`, or return the one that says the same already.

    A process killed at any step leaves no half snapshot: the folder is filled aside and renamed.
    """
    tables = {name: conform(draft.tables[name], name) if name in draft.tables else empty(name) for name in TABLES}
    digest = content_digest(tables, draft.quarantine, _facts(draft))

    def fill(folder: Path) -> None:
        _write_tables(folder, tables, draft.quarantine)
        manifest = Manifest(
            digest=digest,
            source=draft.source,
            source_digest=draft.source_digest,
            tables={name: frame.height for name, frame in tables.items()},
            files={path.name: file_digest(path) for path in sorted(folder.iterdir())},
            quarantined=draft.quarantined,
            repaired=draft.repaired,
            basis=draft.basis,
            owner=draft.owner,
            consent=draft.consent,
            created_at=clock().isoformat(timespec="microseconds"),
            released=draft.released,
            system=draft.system or draft.source,
        )
        text = json.dumps(asdict(manifest), indent=1, sort_keys=True, ensure_ascii=False)
        (folder / MANIFEST).write_text(text + "\n", encoding="utf-8")

    return _read(write_whole(root, digest.removeprefix("sha256:"), fill))


def open_snapshot(root: Path, reference: str) -> Snapshot:
    """Return the snapshot under `root` whose digest is `reference` or begins with it (eight digits or more).

    Raises
    ------
    SnapshotNotFound
        If none or several answer to it.
    """
    prefix = reference.removeprefix("sha256:").lower()
    if not re.fullmatch(f"[0-9a-f]{{{SHORTEST_PREFIX},64}}", prefix):
        raise SnapshotNotFound(f"a snapshot is named by {SHORTEST_PREFIX} or more hexadecimal digits of its digest")
    found = [folder for folder in _folders(root) if folder.name.startswith(prefix)]
    if len(found) != 1:
        count = "no snapshot" if not found else f"{len(found)} snapshots"
        raise SnapshotNotFound(
            f"{count} under {root.name}/ answer(s) to {prefix[:16]}: see the digest that ingest printed"
        )
    return _read(found[0])


def published(root: Path) -> list[Snapshot]:
    """Return every snapshot under `root`, oldest first."""
    every = map(_read, _folders(root))
    return sorted(every, key=lambda snapshot: (snapshot.manifest.created_at, snapshot.manifest.digest))


def latest(root: Path, table: str) -> Snapshot:
    """Return the newest snapshot under `root` that holds rows of `table`.

    Raises
    ------
    SnapshotNotFound
        If there is none.
    """
    holding = [snapshot for snapshot in published(root) if snapshot.manifest.tables.get(table)]
    if not holding:
        raise SnapshotNotFound(f"no snapshot holds {table}: run `caregate ingest` first")
    return holding[-1]


def _facts(said: Draft | Manifest) -> dict[str, Any]:
    facts = {
        "source": said.source,
        "basis": said.basis,
        "owner": said.owner,
        "consent": dict(said.consent),
        "quarantined": dict(said.quarantined),
        "repaired": dict(said.repaired),
    }
    if said.released:
        facts |= {"released": dict(said.released)}
    return facts if said.system in ("", said.source) else facts | {"system": said.system}


def _write_tables(folder: Path, tables: Mapping[str, pl.DataFrame], quarantine: pl.DataFrame) -> None:
    for name, frame in tables.items():
        table = frame.to_arrow().cast(TABLES[name])
        pq.write_table(table, folder / f"{name}.parquet", compression="zstd", row_group_size=ROW_GROUP)
    quarantine.write_parquet(folder / f"{QUARANTINE}.parquet", compression="zstd")


def _folders(root: Path) -> list[Path]:
    return sorted(path.parent for path in root.glob(f"[0-9a-f]*/{MANIFEST}"))


def _read(folder: Path) -> Snapshot:
    try:
        said = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
        said.setdefault("system", said["source"])
        manifest = Manifest(**{item.name: said[item.name] for item in fields(Manifest) if item.name in said})
    except (OSError, ValueError, KeyError, TypeError):
        raise SnapshotChanged(folder.name, "its manifest cannot be read") from None
    if manifest.digest != f"sha256:{folder.name}":
        raise SnapshotChanged(folder.name, "its manifest is another snapshot's")
    return Snapshot(manifest, folder)
