"""Group commit: whoever comes first writes what all wait with, in one transaction, and each gets its own line."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from threading import Condition, Lock
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
    settled: bool = False
    act: Act | None = None
    error: BaseException | None = None


class Appender:
    """Writes the acts of one engine's threads."""

    def __init__(self) -> None:
        self._queue: deque[_Waiting] = deque()
        self._change = Condition()
        self._writing = False

    def append(self, engine: Engine, draft: Draft, clock: Clock) -> Act:
        """Return the line that `draft` became, once it is on disk."""
        mine = _Waiting(draft, clock)
        with self._change:
            self._queue.append(mine)
            self._change.wait_for(lambda: mine.settled or not self._writing)
            first = not mine.settled
            self._writing = self._writing or first
        if first:
            self._write(engine)
        if mine.act is None:
            raise mine.error or RuntimeError("the act was neither written nor refused")
        return mine.act

    def _write(self, engine: Engine) -> None:
        batch: list[_Waiting] = []
        key = seals.required_key(engine)

        def follow(last: Link) -> list[Act]:
            while self._queue:  # as late as can be: whoever came while the lock was waited for goes along
                batch.append(self._queue.popleft())
            return lines_after(last, [(waiting.draft, waiting.clock) for waiting in batch], key)

        try:
            for waiting, act in zip(batch, _record(engine, follow), strict=True):
                waiting.act = act
        except BaseException as error:  # those who wait must hear of it, whatever ended this thread
            with self._change:
                while self._queue:
                    batch.append(self._queue.popleft())
            for waiting in batch:
                waiting.error = error
            raise
        finally:
            with self._change:
                for waiting in batch:
                    waiting.settled = True
                self._writing = False
                self._change.notify_all()


def _record(engine: Engine, follow: Callable[[Link], list[Act]]) -> list[Act]:
    if engine.dialect.name == "postgresql":
        return postgresql_append.record(engine, follow)
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
