"""Looks every minute whether somebody takes more of the scoring API than is usual, or tries keys, and opens incidents.

Nothing is stopped by it: whether a key is revoked is a person's decision.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Engine

from caregate.clock import Clock, system_clock
from caregate.settings import Settings
from governance.database import ledger_database
from governance.incident import Incident
from governance.incident_rules import Kind
from governance.incidents import Incidents
from governance.key_refusals import KeyRefusals
from monitoring.access_limits import RefusalLimits
from monitoring.extraction import DAY, HOUR, Unusual, Usage, judge
from monitoring.policy import MonitoringPolicy, load_monitoring_policy
from monitoring.usage import Calendar, usage_between
from registry import names

LOOK_SECONDS = 60.0
UNKNOWN = "unknown"
WORDS = {
    "ended": "a key that has ended was sent again and again",
    "guessed": "wrong secrets were sent with the id of a key",
    "scope": "a key was used for what it does not open",
    UNKNOWN: "unknown keys were sent from one network",
}

log = logging.getLogger("caregate.access")


class AccessWatch:
    """One look after the other at how the scoring API is used.

    Parameters
    ----------
    engine
        The governance database, opened with the home's key.
    policy
        What is unusual.
    clock
        Tells the moment of a look.
    """

    def __init__(self, engine: Engine, policy: MonitoringPolicy, clock: Clock = system_clock) -> None:
        self._engine = engine
        self._policy = policy
        self._clock = clock
        self._calendar = Calendar(engine, policy.extraction.past_days)
        self._incidents = Incidents(engine, clock)
        self._refusals = KeyRefusals(engine)

    def look(self) -> list[Incident]:
        """Open an incident for whatever is unusual now, one a client or key and kind, and return them."""
        now = self._clock()
        opened = [self._opened(*told, now) for told in (*self._extractions(now), *self._refused(now))]
        return [incident for incident in opened if incident]

    def _extractions(self, now: datetime) -> Iterator[tuple[Kind, str, str, str, dict[str, Any]]]:
        hour, day = (usage_between(self._engine, now - span, now) for span in (HOUR, DAY))
        self._calendar.bring_up_to(now)
        for client, of_day in day.items():
            past = self._calendar.past(client)
            found = judge(hour.get(client, Usage(0, 0)), of_day.patients, past, now, self._policy.extraction)
            for item in found:
                yield Kind.EXTRACTION, client, _title(item), item.measure.value, _facts(item)

    def _refused(self, now: datetime) -> Iterator[tuple[Kind, str, str, str, dict[str, Any]]]:
        limits = self._policy.refusals
        counts = self._refusals.since(now - timedelta(minutes=limits.minutes))
        for why, whose, times in _too_many(counts, limits):
            facts = {"times": times, "minutes": limits.minutes}
            yield Kind.KEYS_REFUSED, whose, f"{WORDS[why]}, {times} times in {limits.minutes} minutes", why, facts

    def _opened(
        self, kind: Kind, about: str, title: str, what: str, facts: dict[str, Any], now: datetime
    ) -> Incident | None:
        key = f"{kind}:{about}:{what}"
        known = [item for item in self._incidents.all() if item.once_key == key]
        if any(now - item.opened_at < DAY for item in known):  # the same day's, whether somebody has closed it or not
            return None
        return self._incidents.open(kind, about, title, by=names.PROMOTER, once_key=key, facts=facts)


@contextmanager
def watching_access(settings: Settings, *, clock: Clock = system_clock, every: float = LOOK_SECONDS) -> Iterator[None]:
    """Look every minute until the block ends."""
    stop, watch = threading.Event(), AccessWatch(ledger_database(settings), load_monitoring_policy(), clock)
    thread = threading.Thread(target=_keep, args=(watch, every, stop), name="access", daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def _keep(watch: AccessWatch, every: float, stop: threading.Event) -> None:
    while not stop.is_set():
        try:
            watch.look()
        except Exception:  # whatever it was, the next look must still be made
            log.exception("looking at how clients ask failed and is tried again in %.0f seconds", every)
        stop.wait(every)


def _too_many(counts: Mapping[tuple[str, str], int], limits: RefusalLimits) -> Iterator[tuple[str, str, int]]:
    for (why, whose), times in counts.items():
        if times > getattr(limits, why):
            yield why, whose, times
    networks = sum(times for (why, _), times in counts.items() if why == UNKNOWN)
    if networks > limits.all_networks:
        yield UNKNOWN, "all networks", networks


def _title(item: Unusual) -> str:
    return f"{item.found} {item.what}: usual are {item.usual:.0f}, and more than {item.limit:.0f} are too many"


def _facts(item: Unusual) -> dict[str, Any]:
    facts = {"found": item.found, "usual": round(item.usual, 1), "limit": round(item.limit, 1)}
    return {"measure": item.measure.value, "counted": item.what, **facts}
