"""The budget of requests: the policy's window, and whatever the vendor says in its answers."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

from caregate.clock import Clock
from crm.write_back.policy import Window
from crm.write_back.target import QuotaSpent

REMAINING, RESET, RETRY = "x-ratelimit-remaining", "x-ratelimit-reset", "retry-after"
UNSAID = timedelta(seconds=60)
"""How long a refused client waits where the vendor does not say it."""


class Budget:
    """Lets requests out, no faster than the policy's window and the vendor's quota allow.

    Parameters
    ----------
    window
        Requests in how many seconds.
    spare
        What of the vendor's own quota is left to others.
    longest_wait
        Seconds; who would have to wait longer is told until when.
    """

    def __init__(
        self, window: Window, *, spare: int, longest_wait: float, clock: Clock, sleep: Callable[[float], None]
    ) -> None:
        self._window = window
        self._spare = spare
        self._longest_wait = longest_wait
        self._clock = clock
        self._sleep = sleep
        self._sent: deque[datetime] = deque()
        self._closed_until: datetime | None = None

    def take(self) -> None:
        """Return when a request may go out.

        Raises
        ------
        QuotaSpent
            If that is too far ahead.
        """
        until = self._free_at()
        wait = (until - self._clock()).total_seconds()
        if wait > self._longest_wait:
            raise QuotaSpent(until)
        if wait > 0:
            self._sleep(wait)
        self._sent.append(self._clock())

    def learn(self, headers: Mapping[str, str]) -> None:
        """Take in what an answer says of the quota."""
        remaining, reset = headers.get(REMAINING, ""), _epoch(headers.get(RESET, ""))
        if reset and remaining.isdecimal() and int(remaining[:9]) <= self._spare:
            self._closed_until = reset

    def refused(self, headers: Mapping[str, str]) -> None:
        """Take in that the vendor takes no more (429), until it says or for a minute."""
        told = _retry_after(headers.get(RETRY, ""), self._clock()) or _epoch(headers.get(RESET, ""))
        self._closed_until = told or self._clock() + UNSAID

    def _free_at(self) -> datetime:
        now, span = self._clock(), timedelta(seconds=self._window.seconds)
        while self._sent and self._sent[0] <= now - span:
            self._sent.popleft()
        free = self._sent[0] + span if len(self._sent) >= self._window.requests else now
        return max(free, self._closed_until) if self._closed_until else free


def _epoch(text: str) -> datetime | None:
    return datetime.fromtimestamp(int(text), UTC) if text.isdecimal() and len(text) <= 11 else None


def _retry_after(text: str, now: datetime) -> datetime | None:
    """Read ``Retry-After`` (RFC 9110, section 10.2.3): seconds, or a date."""
    if text.isdecimal():
        return now + timedelta(seconds=int(text[:6]))
    try:
        date = parsedate_to_datetime(text)
    except ValueError:
        return None
    return date if date.tzinfo else date.replace(tzinfo=UTC)
