"""What is looked after beside promotion, in a thread of its own: pages, files, the chain, copies made in advance."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from caregate.clock import Clock, system_clock
from caregate.errors import CaregateError
from caregate.settings import Settings
from governance.database import ledger_database
from governance.ledger import Ledger
from registry.promotion import prepare
from registry.proving import PROVEN, UNPROVEN
from registry.reconciling import Reconciler
from registry.registrations import registrations

LOOK_SECONDS = 5.0
FILES_SECONDS = 600.0
"""How often every file is hashed: promotion and scoring hash what they use by themselves, each time."""
TAIL_SECONDS, CHAIN_SECONDS = 30.0, 600.0
"""How often the ledger's newest lines are checked and an anchor is kept of the last, and how often all are."""

log = logging.getLogger("caregate.vigil")


@contextmanager
def keeping_vigil(settings: Settings, *, clock: Clock = system_clock, every: float = LOOK_SECONDS) -> Iterator[None]:
    """Look after the home every few seconds until the block ends."""
    stop, vigil = threading.Event(), Vigil(settings, clock)
    thread = threading.Thread(target=_keep, args=(vigil, every, stop), name="vigil", daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def prepare_waiting(settings: Settings, given_up: set[str], *, clock: Clock = system_clock) -> None:
    """Copy versions that were registered since and put the copies through the serving gate.

    Parameters
    ----------
    settings, clock
        Of the home.
    given_up
        Versions that are left alone; one that fails is added, and fails again when somebody promotes it.
    """
    ledger = Ledger(ledger_database(settings), clock)
    done = {(act.subject, act.digest) for act in ledger.sealed(PROVEN, UNPROVEN)}
    for item in registrations(ledger):
        subject = item.key.subject
        if (subject, item.digest) in done or subject in given_up:
            continue
        try:
            prepare(settings, item.key.model, item.key.version, clock=clock)
        except CaregateError as error:
            given_up.add(subject)
            log.warning("%s could not be promoted: %s", subject, error)


@dataclass
class Vigil:
    """One look after the other.

    Attributes
    ----------
    settings, clock
        Of the home.
    """

    settings: Settings
    clock: Clock
    _due: dict[str, float] = field(default_factory=dict)
    _given_up: set[str] = field(default_factory=set)

    def look(self) -> None:
        """Do what is due, each by itself, so that one fault does not hide another."""
        reconciler = Reconciler(self.settings, self.clock)
        self._do("copies", 0.0, lambda: prepare_waiting(self.settings, self._given_up, clock=self.clock))
        self._do("pages", 0.0, reconciler.look)
        self._do("ledger's end", TAIL_SECONDS, reconciler.look_at_tail)
        self._do("ledger", CHAIN_SECONDS, reconciler.look_at_ledger)
        self._do("files", FILES_SECONDS, reconciler.look_at_files)

    def _do(self, what: str, pause: float, look: Callable[[], object]) -> None:
        if time.monotonic() < self._due.get(what, 0.0):
            return
        self._due[what] = time.monotonic() + pause
        try:
            look()
        except Exception:  # whatever it was, the next look must still be made
            log.exception("looking after the home's %s failed and is tried again", what)


def _keep(vigil: Vigil, every: float, stop: threading.Event) -> None:
    while not stop.is_set():
        vigil.look()
        stop.wait(every)
