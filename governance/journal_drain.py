"""Draining segments of the journal into the table: each row once, and nothing left out in silence.

A segment is taken away when the table has all of it. One that holds what the table cannot take is kept beside the
others and opens an incident.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from datetime import UTC
from pathlib import Path
from typing import Any

import msgspec
from sqlalchemy import Engine, select
from sqlalchemy.exc import DataError, IntegrityError

from governance.incident_rules import Kind
from governance.incidents import Incidents
from governance.journal_frames import Piece
from governance.journal_segment import SUFFIX, Segment, drained_until
from governance.prediction_rows import Row, decode, insert_once, prediction_of
from governance.schema import predictions

BATCH = 1024
"""Rows of a transaction: pages of the indexes are then shared by several of its rows."""
REPORTER = "journal"
IN_FLIGHT_SECONDS, PAUSE_SECONDS = 0.5, 0.02
"""How long a request that was read before may take until its rows are in the journal; and between two looks."""


def drain(segment: Segment, engine: Engine, until: int, *, whole: bool) -> Iterator[int]:
    """Write what was written to `segment` before `until` into the table, yielding the rows of each transaction.

    Where everything until there is known to have been `whole`, a cut frame at its end is a fault.
    """
    batch: list[Row] = []
    end = segment.drained
    for piece in segment.pieces(until, at_end=not whole):
        batch += _rows(segment, piece)
        end = piece.end
        if len(batch) >= BATCH:
            yield _write(segment, engine, batch, end)
            batch = []
    if whole and end < until:
        segment.faults += 1
        end = until
    if end > segment.drained:
        yield _write(segment, engine, batch, end)


def conclude(segment: Segment, engine: Engine) -> None:
    """Take a wholly drained segment away; one with faults is put aside once its incident stands."""
    if not segment.faults:
        segment.remove()
        return
    Incidents(engine).open(
        Kind.OTHER,
        "predictions",
        f"{segment.faults} parts of a journal of predictions could not be recorded: see the file in the home's journal",
        by=REPORTER,
        once_key=f"journal {segment.path.stem}",
        facts={"file": segment.path.stem, "faults": segment.faults},
    )
    segment.put_aside()


def recover(folder: Path, engine: Engine) -> int:
    """Drain what dead processes left in `folder`, and return how many rows that were."""
    rows = 0
    for path in _sizes(folder):
        segment = Segment.take(path)
        if segment is None:
            continue
        with segment:
            rows += sum(drain(segment, engine, segment.written, whole=False))
            conclude(segment, engine)
    return rows


def settle(folder: Path, engine: Engine, *, seconds: float) -> bool:
    """Wait until the table has what the journals in `folder` hold by now, at most `seconds`.

    Journals of dead processes are drained at once, those of living ones by their own.

    Returns
    -------
    bool
        Whether it has.
    """
    try:
        recover(folder, engine)
        return not _sizes(folder) or _wait(folder, engine, seconds)
    except OSError:  # a folder that cannot be read may hold anything
        return False


def _wait(folder: Path, engine: Engine, seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    time.sleep(IN_FLIGHT_SECONDS)
    awaited = _sizes(folder)
    while awaited := {path: size for path, size in awaited.items() if not _has(path, size)}:
        if time.monotonic() > deadline:
            return False
        time.sleep(PAUSE_SECONDS)
        recover(folder, engine)  # its process may have died since
    return True


def _rows(segment: Segment, piece: Piece) -> list[Row]:
    if piece.payload is not None:
        try:
            return decode(piece.payload)
        except msgspec.MsgspecError:
            pass
    segment.faults += 1
    return []


def _write(segment: Segment, engine: Engine, rows: Sequence[Row], end: int) -> int:
    if rows:
        segment.faults += _insert(engine, rows)
    segment.mark_drained(end)
    return len(rows)


def _insert(engine: Engine, rows: Sequence[Row]) -> int:
    """Insert `rows`, and return how many the table does not hold as they are."""
    try:
        with engine.begin() as connection:
            inserted = insert_once(connection, rows)
    except (DataError, IntegrityError):
        if len(rows) == 1:
            return 1
        return sum(_insert(engine, [row]) for row in rows)
    return 0 if inserted == len(rows) else _others(engine, rows)


def _others(engine: Engine, rows: Sequence[Row]) -> int:
    """Count those of `rows` under whose ids the table holds something else: somebody wrote them past the journal."""
    query = select(predictions).where(predictions.c.prediction_id.in_([row[0] for row in rows]))
    with engine.connect() as connection:
        stood = {row["prediction_id"]: _aware(dict(row)) for row in connection.execute(query).mappings()}
    return sum(stood.get(row[0]) != prediction_of(row) for row in rows)


def _aware(stored: dict[str, Any]) -> dict[str, Any]:
    at = stored["at"]
    return stored | {"at": at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)}


def _sizes(folder: Path) -> dict[Path, int]:
    """Return the segments in `folder`, each with its size."""
    sizes: dict[Path, int] = {}
    if not folder.is_dir():
        return sizes
    with os.scandir(folder) as found:
        for entry in found:
            if entry.name.endswith(SUFFIX):
                with suppress(FileNotFoundError):  # it was drained meanwhile
                    sizes[Path(entry.path)] = entry.stat().st_size
    return sizes


def _has(path: Path, size: int) -> bool:
    drained = drained_until(path)
    return drained is None or drained >= size
