"""How many lines an account's refusals may add to the ledger: enough to see them, not enough to bury it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

MINUTE = timedelta(minutes=1)


@dataclass
class _Window:
    since: datetime
    said: int = 0
    unsaid: int = 0


class Throttle:
    """Lets so many events of a kind through in a minute, and counts the others.

    Parameters
    ----------
    per_minute
        How many are let through.
    """

    def __init__(self, per_minute: int) -> None:
        self._per_minute = per_minute
        self._windows: dict[str, _Window] = {}

    def admit(self, kind: str, now: datetime) -> int | None:
        """Return how many of this kind went unsaid since the last that was let through; None if this one is not."""
        window = self._windows.setdefault(kind, _Window(now))
        if now - window.since >= MINUTE:
            window.since, window.said = now, 0
        if window.said >= self._per_minute:
            window.unsaid += 1
            return None
        unsaid, window.unsaid = window.unsaid, 0
        window.said += 1
        return unsaid
