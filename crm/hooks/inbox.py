"""The inbox of hooks: every event once, sealed, appended and never changed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import StrEnum

from sqlalchemy import Engine, and_, exists, insert, select
from sqlalchemy.exc import IntegrityError

from caregate.clock import Clock, system_clock
from governance.schema import hook_events
from governance.vault import Vault

SECRETS_KEPT = 5
"""Handshakes whose secret still counts: a CRM gives one to each registered address."""


class State(StrEnum):
    """How far an event came."""

    RECEIVED = "received"
    HANDLED = "handled"
    UNFIT = "unfit"
    SECRET = "secret"  # noqa: S105  the name of a state


@dataclass(frozen=True, slots=True)
class Event:
    """What a source told."""

    source: str
    event: str
    body: bytes = field(repr=False)


class Inbox:
    """Keeps events until they are handled.

    Parameters
    ----------
    engine
        The governance database.
    vault
        Seals what was told.
    """

    def __init__(self, engine: Engine, vault: Vault, clock: Clock = system_clock) -> None:
        self._engine = engine
        self._vault = vault
        self._clock = clock

    def put(self, event: Event, state: State = State.RECEIVED) -> bool:
        """Write the event down; return False where it came before."""
        sealed = self._vault.seal(_label(event.source, event.event), event.body) if event.body else None
        row = {
            "source": event.source,
            "event": event.event,
            "state": state.value,
            "sealed": sealed,
            "at": self._clock(),
        }
        try:
            with self._engine.begin() as connection:
                connection.execute(insert(hook_events), row)
        except IntegrityError:
            return False
        return True

    def settle(self, event: Event, state: State) -> None:
        """Write down that the event was handled, or cannot be."""
        self.put(Event(event.source, event.event, b""), state)

    def waiting(self) -> Iterator[Event]:
        """Yield the events that nobody has handled yet, oldest first."""
        settled = hook_events.alias()
        same = and_(settled.c.source == hook_events.c.source, settled.c.event == hook_events.c.event)
        done = exists().where(same, settled.c.state.in_((State.HANDLED.value, State.UNFIT.value)))
        query = (
            select(hook_events).where(hook_events.c.state == State.RECEIVED.value, ~done).order_by(hook_events.c.seq)
        )
        with self._engine.connect() as connection:
            rows = connection.execute(query).mappings().all()
        for row in rows:
            label = _label(row["source"], row["event"])
            yield Event(row["source"], row["event"], self._vault.unseal(label, bytes(row["sealed"] or b"")))

    def secrets(self, source: str) -> list[str]:
        """Return the secrets that the source gave in its newest handshakes."""
        told = (hook_events.c.source == source) & (hook_events.c.state == State.SECRET.value)
        query = select(hook_events).where(told).order_by(hook_events.c.seq.desc()).limit(SECRETS_KEPT)
        with self._engine.connect() as connection:
            rows = connection.execute(query).mappings().all()
        return [self._vault.unseal(_label(source, row["event"]), bytes(row["sealed"])).decode() for row in rows]


def _label(source: str, event: str) -> str:
    return f"hook/{source}/{event}"
