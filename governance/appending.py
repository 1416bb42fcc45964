"""Group commit: whoever comes first writes what all wait with, in one transaction, and each gets its own line."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from threading import Event, Lock
from weakref import WeakKeyDictionary

from sqlalchemy import Connection, Engine, insert, select

from caregate.clock import Clock
from governance import postgresql_append, seals
from governance.chain import START, Act, Draft, Link
from governance.database import exclusive
from governance.schema import acts

_HEAD = select(acts.c.seq, acts.c.hash).order_by(acts.c.seq.desc()).limit(1)


@dataclass(eq=False, slots=True)
class _Waiting:
    draft: Draft
    clock: Clock
    settled: Event = field(default_factory=Event)
    act: Act | None = None
    error: BaseException | None = None

    def outcome(self) -> Act:
        self.settled.wait()
        if self.act is None:
            raise self.error or RuntimeError("the act was neither written nor refused")
        return self.act


class Appender:
    """Writes the acts of one engine's threads."""

    def __init__(self) -> None:
        self._queue: deque[_Waiting] = deque()
        self._turn = Lock()

    def append(self, engine: Engine, draft: Draft, clock: Clock) -> Act:
        """Return the line that `draft` became, once it is on disk."""
        mine = _Waiting(draft, clock)
        self._queue.append(mine)
        with ExitStack() as turn:
            turn.enter_context(self._turn)
            batch = self._take()
            if batch:
                self._write(engine, batch, chained=turn.close)
        return mine.outcome()

    def _take(self) -> list[_Waiting]:
        batch = []
        while self._queue:
            batch.append(self._queue.popleft())
        return batch

    def _write(self, engine: Engine, batch: list[_Waiting], chained: Callable[[], None]) -> None:
        try:
            for waiting, act in zip(batch, _record(engine, batch, chained), strict=True):
                waiting.act = act
        except BaseException as error:  # those who wait must not wait for ever, whatever ended this thread
            for waiting in batch:
                waiting.error = error
            if not isinstance(error, Exception):
                raise
        finally:
            for waiting in batch:
                waiting.settled.set()


def _record(engine: Engine, batch: list[_Waiting], chained: Callable[[], None]) -> list[Act]:
    key = seals.required_key(engine)

    def follow(last: Link) -> list[Act]:
        return lines_after(last, [(waiting.draft, waiting.clock) for waiting in batch], key)

    if engine.dialect.name == "postgresql":
        return postgresql_append.record(engine, follow, chained)
    with exclusive(engine) as connection:
        return write(connection, follow)


def lines_after(last: Link, drafts: Sequence[tuple[Draft, Clock]], key: bytes) -> list[Act]:
    """Return the lines that the drafts become after `last`, each after the one before it."""
    lines: list[Act] = []
    for draft, clock in drafts:
        lines.append(draft.follow(last, clock, key))
        last = Link(lines[-1].seq, lines[-1].hash)
    return lines


def write(connection: Connection, follow: Callable[[Link], list[Act]]) -> list[Act]:
    """Write the lines that follow the last one, in a transaction that `exclusive` opened."""
    last = connection.execute(_HEAD).one_or_none()
    lines = follow(Link(last.seq, last.hash) if last else START)
    connection.execute(insert(acts), [dict(zip(acts.c.keys(), act.row, strict=True)) for act in lines])
    return lines


_appenders: WeakKeyDictionary[Engine, Appender] = WeakKeyDictionary()
_opening = Lock()


def appender_of(engine: Engine) -> Appender:
    """Return the appender that all threads share which use `engine`."""
    with _opening:
        return _appenders.setdefault(engine, Appender())
