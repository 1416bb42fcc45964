"""The journal before the table `predictions`: an answer is on record when the operating system has its row.

One write to a file of this process's own takes microseconds; what was written outlives the process, however it ends. A
thread carries the rows into the table, another one asks for the disk at least once a second: a power failure can take
what came after the last sync and was not in the table yet.
"""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from threading import Condition, Event, Lock, Thread

from sqlalchemy import Engine

from caregate.errors import CaregateError
from governance.journal_drain import conclude, drain, recover
from governance.journal_frames import frame
from governance.journal_writer import Backlog, JournalBroken, JournalLimits, JournalWriter
from governance.prediction_rows import encode
from governance.predictions import Prediction

log = logging.getLogger("caregate.journal")


class JournalBehind(CaregateError):
    """Rows of the journal did not reach the table in time."""

    status = 503
    title = "Predictions wait"

    def __init__(self) -> None:
        super().__init__("predictions of the journal did not reach the database in time: see whether it answers")


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
        self._writer = JournalWriter(folder, limits)
        self._files = Lock()
        self._progress = Condition()
        self._stop, self._wake = Event(), Event()
        self._process = os.getpid()
        self._recovered_at = float("-inf")
        self._failing: set[str] = set()
        self._threads = [
            Thread(target=self._drain_often, name="journal drain", daemon=True),
            Thread(target=self._sync_often, name="journal sync", daemon=True),
        ]
        for thread in self._threads:
            thread.start()

    def append(self, rows: Sequence[Prediction]) -> None:
        """Put `rows` on record: all of them are with the operating system when this returns, or none counts.

        Raises
        ------
        governance.journal_writer.JournalFull
            If the disk is full, or more rows wait than the policy lets.
        governance.journal_writer.JournalBroken
            If the file cannot be written, was changed or went away, or the journal is closed.
        """
        if not rows:
            return
        if os.getpid() != self._process:  # a fork has the file and neither its threads nor a lock of its own
            raise JournalBroken("each process opens a journal of its own")
        self._writer.append(frame(encode(rows)), len(rows))

    @property
    def backlog(self) -> Backlog:
        """What waits for the table."""
        return self._writer.backlog

    def flush(self, timeout: float = 10.0) -> None:
        """Wait until what was appended before is in the table.

        Raises
        ------
        JournalBehind
            If it is not after `timeout` seconds.
        """
        target = self._writer.appended
        self._wake.set()
        with self._progress:
            if not self._progress.wait_for(lambda: self._writer.drained >= target, timeout):
                raise JournalBehind

    def close(self) -> None:
        """Drain and leave nothing; what the database does not take now is drained by the next that starts."""
        self._writer.end()
        self._stop.set()
        self._wake.set()
        for thread in self._threads:
            thread.join()
        self._attempt("drain", self._drain)
        self._attempt("sync", self._sync)
        self._writer.close()

    def _drain_often(self) -> None:
        while not self._stop.is_set():
            self._attempt("drain", self._drain)
            if time.monotonic() - self._recovered_at >= self._limits.recover_seconds:
                self._attempt("recover", self._recover)
                self._recovered_at = time.monotonic()
            self._wake.wait(self._limits.drain_seconds)
            self._wake.clear()

    def _drain(self) -> None:
        waiting = self._writer.waiting()
        for segment, until in waiting.segments:
            for rows in drain(segment, self._engine, until, whole=True):
                self._writer.count_drained(rows, waiting)
        self._writer.all_drained(waiting)
        with self._progress:
            self._progress.notify_all()
        for segment in self._writer.finished():
            with self._files:  # the descriptor of a file that is being synced stays open
                conclude(segment, self._engine)
            self._writer.forget(segment)

    def _recover(self) -> None:
        recover(self._folder, self._engine)

    def _sync_often(self) -> None:
        while not self._stop.wait(self._limits.sync_seconds):
            self._attempt("sync", self._sync)

    def _sync(self) -> None:
        with self._files:
            try:
                for segment, _ in self._writer.waiting().segments:
                    segment.sync()
            except OSError:
                self._writer.refuse("the disk does not take the journal: see the service's log")
                raise
        if "sync" in self._failing:
            self._writer.refuse(None)

    def _attempt(self, name: str, act: Callable[[], None]) -> None:
        """Run `act`; what fails is said once and tried again, for the rows wait in the journal meanwhile."""
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
