"""Tells people beside whatever else a process does: a thread of its own, because a mail server may keep one waiting."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from caregate.clock import Clock, system_clock
from caregate.settings import Settings
from registry.notices.sending import send_due_notices

LOOK_SECONDS = 5.0

log = logging.getLogger("caregate.notices")


@contextmanager
def announcing(settings: Settings, *, clock: Clock = system_clock, every: float = LOOK_SECONDS) -> Iterator[None]:
    """Send what is due every few seconds until the block ends; do nothing where no messenger is set."""
    if settings.notices.email is None and settings.notices.webhook is None:
        yield
        return
    stop = threading.Event()
    thread = threading.Thread(target=_announce, args=(settings, clock, every, stop), name="notices", daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()  # the thread ends by itself: what it waits for may take longer than anybody wants to


def _announce(settings: Settings, clock: Clock, every: float, stop: threading.Event) -> None:
    while not stop.is_set():
        try:
            send_due_notices(settings, clock=clock)
        except Exception:  # whatever it was, the next notice must still go out
            log.exception("looking for notices failed and is tried again in %.0f seconds", every)
        stop.wait(every)
