"""The journal before the table `predictions`: an answer is on record when the operating system has its row.

One write to a file of this process's own takes microseconds; what was written outlives the process, however it ends. A
thread carries the rows into the table, another one asks for the disk at least once a second: a power failure can take
what came after the last sync and was not in the table yet.
"""

from __future__ import annotations

import errno
import logging
import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from threading import Condition, Event, Lock, Thread

from sqlalchemy import Engine

from caregate.errors import CaregateError
from governance.journal_drain import conclude, drain, recover
from governance.journal_frames import frame
from governance.journal_segment import MARK, Segment, ShortWrite
from governance.prediction_rows import encode
from governance.predictions import Prediction

log = logging.getLogger("caregate.journal")
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


class JournalBehind(CaregateError):
    """Rows of the journal did not reach the table in time."""

    status = 503
    title = "Predictions wait"

    def __init__(self) -> None:
        super().__init__("predictions of the journal did not reach the database in time: see whether it answers")


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


class PredictionJournal:
    """The journal of one process; each process opens its own in the same folder.

    Parameters
    ----------
    folder
        Where its files lie; made where it is missing.
    engine
        The governance database, opened with the home's key.
    limits
        Numbers of the policy.
    """

    def __init__(self, folder: Path, engine: Engine, limits: JournalLimits) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        folder.chmod(0o700)
        self._folder, self._engine, self._limits = folder, engine, limits
        self._lock, self._files = Lock(), Lock()
        self._progress = Condition()
        self._stop, self._wake = Event(), Event()
        self._process = os.getpid()
        self._segment: Segment | None = None
        self._retired: list[Segment] = []
        self._appended = self._drained = 0
        self._oldest, self._recovered_at = 0.0, float("-inf")
        self._unsynced = False
        self._failing: set[str] = set()
        self._threads = [
            Thread(target=self._run, args=(act, seconds, wake), name=f"journal {act.__name__}", daemon=True)
            for act, seconds, wake in (
                (self._carry, limits.drain_seconds, self._wake),
                (self._ask_disk, limits.sync_seconds, self._stop),
            )
        ]
        for thread in self._threads:
            thread.start()

    def append(self, rows: Sequence[Prediction]) -> None:
        """Put `rows` on record: all of them are with the operating system when this returns, or none counts.

        Raises
        ------
        JournalFull
            If the disk is full, or more rows wait than the policy lets.
        JournalBroken
            If the file cannot be written, was changed or went away, or the journal is closed.
        """
        if not rows:
            return
        if os.getpid() != self._process:  # a fork has the file and neither its threads nor a lock of its own
            raise JournalBroken("each process opens a journal of its own")
        framed = frame(encode(rows))
        with self._lock:
            self._require_open(len(rows))
            try:
                segment = self._segment = self._segment_for(len(framed))
                segment.append(framed)
            except OSError as error:
                raise self._given_up(error) from error
            if self._appended == self._drained:
                self._oldest = time.monotonic()
            self._appended += len(rows)

    @property
    def backlog(self) -> Backlog:
        """What waits for the table."""
        with self._lock:
            rows = self._appended - self._drained
            return Backlog(rows, time.monotonic() - self._oldest if rows else 0.0)

    def flush(self, timeout: float = 10.0) -> None:
        """Wait until what was appended before is in the table.

        Raises
        ------
        JournalBehind
            If it is not after `timeout` seconds.
        """
        target = self._appended
        self._wake.set()
        with self._progress:
            if not self._progress.wait_for(lambda: self._drained >= target, timeout):
                raise JournalBehind

    def close(self) -> None:
        """Drain and leave nothing; what the database does not take now is drained by the next that starts."""
        with self._lock:
            closed = self._stop.is_set()
            self._stop.set()
        self._wake.set()
        for thread in self._threads:
            thread.join()
        if closed:
            return
        self._retire()
        self._attempt(self._drain)
        self._attempt(self._sync)
        for segment in self._retired:
            segment.close()
        self._retired.clear()

    def _require_open(self, rows: int) -> None:
        if self._stop.is_set():
            raise JournalBroken("the journal is closed")
        if self._unsynced:
            raise JournalBroken("the disk does not take the journal: see the service's log")
        if self._appended - self._drained + rows > self._limits.most_waiting:
            raise JournalFull("too many rows wait for the database: see whether it answers")

    def _segment_for(self, size: int) -> Segment:
        segment = self._segment
        if segment and MARK.size < segment.written > self._limits.segment_bytes - size:
            self._retired.append(segment)
            segment = self._segment = None
        return segment or Segment.create(self._folder)

    def _given_up(self, error: OSError) -> CaregateError:
        """Leave nothing of a frame that was not taken, and say why; the next append tries again."""
        if self._segment:
            try:
                self._segment.cut_back()
            except OSError:
                self._retired.append(self._segment)
                self._segment = None
        if isinstance(error, ShortWrite) or error.errno in NO_ROOM:
            return JournalFull("the disk is full, or its quota is used up")
        if self._segment:
            self._retired.append(self._segment)
            self._segment = None
        return JournalBroken("the journal's file cannot be written, was changed or went away")

    def _retire(self) -> None:
        with self._lock:
            if self._segment:
                self._retired.append(self._segment)
                self._segment = None

    def _drain(self) -> None:
        with self._lock:
            marks = [(item, item.written) for item in (*self._retired, self._segment) if item]
            retired, target, began = list(self._retired), self._appended, time.monotonic()
        for segment, until in marks:
            for rows in drain(segment, self._engine, until, whole=True):
                self._advance(min(self._drained + rows, target))
        self._advance(target)
        with self._lock:
            self._oldest = began
        if any(segment.faults for segment, _ in marks if segment not in retired):
            self._retire()
        for segment in retired:
            with self._files:
                conclude(segment, self._engine)
            with self._lock:
                self._retired.remove(segment)

    def _recover(self) -> None:
        recover(self._folder, self._engine)

    def _advance(self, drained: int) -> None:
        with self._progress:
            self._drained = drained
            self._progress.notify_all()

    def _sync(self) -> None:
        with self._files:
            with self._lock:
                segments = [item for item in (*self._retired, self._segment) if item]
            try:
                for segment in segments:
                    segment.sync()
            except OSError:
                self._unsynced = True
                raise
            self._unsynced = False

    def _carry(self) -> None:
        self._attempt(self._drain)
        if time.monotonic() - self._recovered_at >= self._limits.recover_seconds:
            self._attempt(self._recover)
            self._recovered_at = time.monotonic()

    def _ask_disk(self) -> None:
        self._attempt(self._sync)

    def _run(self, act: Callable[[], None], seconds: float, wake: Event) -> None:
        while not self._stop.is_set():
            act()
            wake.wait(seconds)
            if wake is self._wake:
                wake.clear()

    def _attempt(self, act: Callable[[], None]) -> None:
        """Run `act`; what fails is said once and tried again, for the rows wait in the journal meanwhile."""
        name = act.__name__.strip("_")
        try:
            act()
        except Exception as error:  # whatever it is: a thread that ends would leave rows behind unseen
            if name not in self._failing:
                log.warning("the journal of predictions cannot %s, and tries again: %s", name, type(error).__name__)
            self._failing.add(name)
            return
        if name in self._failing:
            self._failing.discard(name)
            log.warning("the journal of predictions can %s again", name)
