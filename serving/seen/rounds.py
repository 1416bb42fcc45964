"""What a process of the service does every few seconds beside answering, in a thread of its own."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from threading import Event, Thread
from time import monotonic

SECONDS = 2.0
log = logging.getLogger(__name__)


class Timed:
    """A task that remembers when it was last done.

    Parameters
    ----------
    task
        What is done.
    ticks
        A clock that only rises, in seconds.
    """

    def __init__(self, task: Callable[[], object], *, ticks: Callable[[], float] = monotonic) -> None:
        self._task = task
        self._ticks = ticks
        self._done = ticks()

    def __call__(self) -> None:
        """Do it."""
        self._task()
        self._done = self._ticks()

    def age(self) -> float:
        """Return how many seconds ago it was last done without a fault."""
        return self._ticks() - self._done


class Rounds:
    """Goes its rounds until it is stopped, and once more then.

    Parameters
    ----------
    tasks
        What is done each time, each by itself, so that one fault does not hide another.
    every
        Seconds between two rounds.
    """

    def __init__(self, tasks: Sequence[Callable[[], object]], *, every: float = SECONDS) -> None:
        self._tasks = tasks
        self._every = every
        self._stop = Event()
        self._thread = Thread(target=self._run, name="rounds", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """Do everything once more, and end."""
        self._stop.set()
        self._thread.join()

    def go(self) -> None:
        """Do everything once."""
        for task in self._tasks:
            try:
                task()
            except Exception as error:
                log.warning("a round failed with %s and is gone again", type(error).__name__)

    def _run(self) -> None:
        while not self._stop.wait(self._every):
            self.go()
        self.go()
