"""The writing half of the journal: this process's own segments, and what in them waits for the table."""

from __future__ import annotations

import errno
import time
from dataclasses import dataclass
from pathlib import Path
from threading import Lock

from caregate.errors import CaregateError
from governance.journal_segment import MARK, Segment, ShortWrite

NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


class JournalFull(CaregateError):
    """The journal takes no more rows: the disk is full, or too many rows wait for the database."""

    status = 503
    title = "Predictions cannot be recorded"

    def __init__(self, why: str) -> None:
        super().__init__(f"no score is given that cannot be recorded: {why}")


class JournalBroken(CaregateError):
    """The journal cannot be written."""

    status = 503
    title = "Predictions cannot be recorded"

    def __init__(self, why: str) -> None:
        super().__init__(f"no score is given that cannot be recorded: {why}")


@dataclass(frozen=True, slots=True)
class JournalLimits:
    """The policy's numbers for a journal.

    Attributes
    ----------
    segment_bytes
        After how many bytes another file is begun.
    drain_seconds, sync_seconds, recover_seconds
        How often rows go into the table, to the disk, and what dead processes left is looked for.
    most_waiting
        Rows that may wait for the table before nothing is answered any more.
    """

    segment_bytes: int
    drain_seconds: float
    sync_seconds: float
    recover_seconds: float
    most_waiting: int


@dataclass(frozen=True, slots=True)
class Backlog:
    """What waits for the table.

    Attributes
    ----------
    rows
        Of this process.
    oldest_seconds
        How long the oldest of them has waited at most.
    """

    rows: int
    oldest_seconds: float


@dataclass(frozen=True, slots=True)
class Waiting:
    """What there was to drain at one moment.

    Attributes
    ----------
    segments
        Each with the byte up to which it was written by then.
    target
        How many rows had been appended.
    moment
        When it was, by the monotonic clock.
    """

    segments: tuple[tuple[Segment, int], ...]
    target: int
    moment: float


class JournalWriter:
    """Appends frames to segments, by one thread at a time.

    Parameters
    ----------
    folder
        Where the segments lie.
    limits
        Numbers of the policy.
    """

    def __init__(self, folder: Path, limits: JournalLimits) -> None:
        self._folder, self._limits = folder, limits
        self._lock = Lock()
        self._segment: Segment | None = None
        self._retired: list[Segment] = []
        self._appended = self._drained = 0
        self._oldest = 0.0
        self._refusal: str | None = None
        self._ended = False

    def append(self, frame: bytes, rows: int) -> None:
        """Hand the frame of so many rows to the operating system; errors as of `PredictionJournal.append`."""
        with self._lock:
            self._require_room(rows)
            try:
                segment = self._segment = self._segment_for(len(frame))
                segment.append(frame)
            except OSError as error:
                raise self._given_up(error) from error
            if self._appended == self._drained:
                self._oldest = time.monotonic()
            self._appended += rows

    @property
    def appended(self) -> int:
        """How many rows were appended."""
        return self._appended

    @property
    def drained(self) -> int:
        """How many of them are in the table."""
        return self._drained

    @property
    def backlog(self) -> Backlog:
        """What waits for the table."""
        with self._lock:
            rows = self._appended - self._drained
            return Backlog(rows, time.monotonic() - self._oldest if rows else 0.0)

    def refuse(self, why: str | None) -> None:
        """Take no rows from now on, because of `why`; or take them again."""
        with self._lock:
            self._refusal = why

    def waiting(self) -> Waiting:
        """Return what there is to drain."""
        with self._lock:
            segments = [item for item in (*self._retired, self._segment) if item]
            return Waiting(tuple((item, item.written) for item in segments), self._appended, time.monotonic())

    def count_drained(self, rows: int, until: Waiting) -> None:
        """Count rows that came into the table, of those that waited at that moment."""
        self._drained = min(self._drained + rows, until.target)

    def all_drained(self, until: Waiting) -> None:
        """Remember that everything which waited at that moment is done with."""
        with self._lock:
            self._drained, self._oldest = until.target, until.moment
            if self._segment and self._segment.faults:
                self._retire()

    def end(self) -> None:
        """Take no more rows for good."""
        with self._lock:
            self._ended = True
            self._retire()

    def finished(self) -> list[Segment]:
        """Return the segments that are drained and will not be written any more."""
        with self._lock:
            return [item for item in self._retired if item.drained >= item.written]

    def forget(self, segment: Segment) -> None:
        """Let go of a finished segment."""
        with self._lock:
            self._retired.remove(segment)

    def close(self) -> None:
        """Leave what is not drained to whoever finds it."""
        with self._lock:
            self._retire()
            for segment in self._retired:
                segment.close()
            self._retired.clear()

    def _require_room(self, rows: int) -> None:
        if self._ended:
            raise JournalBroken("the journal is closed")
        if self._refusal:
            raise JournalBroken(self._refusal)
        if self._appended - self._drained + rows > self._limits.most_waiting:
            raise JournalFull("too many rows wait for the database: see whether it answers")

    def _segment_for(self, size: int) -> Segment:
        if self._segment and MARK.size < self._segment.written > self._limits.segment_bytes - size:
            self._retire()
        return self._segment or Segment.create(self._folder)

    def _given_up(self, error: OSError) -> CaregateError:
        """Leave nothing of a frame that was not taken, and say why; the next append tries again."""
        full = isinstance(error, ShortWrite) or error.errno in NO_ROOM
        if self._segment:
            try:
                self._segment.cut_back()
            except OSError:
                self._retire()
        if full:
            return JournalFull("the disk is full, or its quota is used up")
        self._retire()
        return JournalBroken("the journal's file cannot be written, was changed or went away")

    def _retire(self) -> None:
        if self._segment:
            self._retired.append(self._segment)
            self._segment = None
