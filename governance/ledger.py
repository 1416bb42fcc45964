"""The hash-chained ledger: every act leaves a line, and no line can be changed without breaking the chain."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from contextlib import closing
from itertools import chain
from sqlite3 import OperationalError as SqliteError
from typing import Any

from sqlalchemy import Connection, Engine, Select, func, select

from caregate.clock import Clock, system_clock
from governance import seals
from governance.appending import appender_of, lines_after, write
from governance.chain import (
    GENESIS,
    START,
    Act,
    BrokenChain,
    Link,
    UnfitAct,
    canonical_json,
    digest_of,
    draft,
    end_of,
    verify_chain,
    walk,
)
from governance.database import exclusive, make_durable
from governance.schema import acts

__all__ = [
    "GENESIS",
    "START",
    "Act",
    "BrokenChain",
    "Ledger",
    "Link",
    "UnfitAct",
    "canonical_json",
    "digest_of",
    "verify_chain",
]

CHUNK = 10_000
"""Lines that are read at once."""


class Ledger:
    """Appends acts to the chain and reads them back."""

    def __init__(self, engine: Engine, clock: Clock = system_clock) -> None:
        self._engine = engine
        self._clock = clock

    def append(self, actor: str, action: str, subject: str, *, digest: str = "", **detail: Any) -> Act:
        """Append one act and return it as it stands in the chain, once it is on disk.

        Raises
        ------
        UnfitAct
            If no database keeps the act as it is.
        governance.postgresql_append.AppendFailed
            If the database went away and did not come back.
        governance.seals.SealKeyMissing
            If the database was opened without the home's key.
        """
        seals.required_key(self._engine)
        act = draft(actor, action, subject, digest, detail)
        return appender_of(self._engine).append(self._engine, act, self._clock)

    def append_within(
        self, connection: Connection, actor: str, action: str, subject: str, *, digest: str = "", **detail: Any
    ) -> Act:
        """Append one act inside the transaction of `connection`, which `exclusive` has to have opened.

        Raises
        ------
        UnfitAct
            If no database keeps the act as it is.
        governance.seals.SealKeyMissing
            If the database was opened without the home's key.
        """
        key = seals.required_key(self._engine)
        act = draft(actor, action, subject, digest, detail)
        return write(connection, lambda last: lines_after(last, [(act, self._clock)], key))[0]

    def append_once(self, actor: str, action: str, subject: str, *, digest: str = "", **detail: Any) -> bool:
        """Append the act unless the same action on the same subject and digest stands already."""
        with exclusive(self._engine) as connection:
            same = (acts.c.action == action) & (acts.c.subject == subject) & (acts.c.digest == digest)
            stands = connection.execute(select(acts.c.seq).where(same).limit(1)).first() is not None
            if not stands:
                self.append_within(connection, actor, action, subject, digest=digest, **detail)
        if stands:
            make_durable(self._engine)  # another may have written it a moment ago
        return not stands

    def read(self, *, action: str | None = None, subject: str | None = None) -> Generator[Act]:
        """Yield acts in order as they lie there, those of one action or subject where asked for."""
        query = select(acts).order_by(acts.c.seq)
        if action:
            query = query.where(acts.c.action == action)
        if subject:
            query = query.where(acts.c.subject == subject)
        with self._engine.connect() as connection:
            streaming = connection.execution_options(yield_per=CHUNK)
            with streaming.execute(query) as result:
                for row in result:
                    yield Act(*row)

    def sealed(self, *actions: str, subject: str | None = None, newest_first: bool = False) -> Iterator[Act]:
        """Yield the acts of these kinds whose seal is true: all that a decision may rest on.

        Raises
        ------
        governance.seals.SealKeyMissing
            If the database was opened without the home's key.
        """
        with self._engine.connect() as connection:
            yield from self.sealed_within(connection, *actions, subject=subject, newest_first=newest_first)

    def sealed_within(
        self, connection: Connection, *actions: str, subject: str | None = None, newest_first: bool = False
    ) -> Iterator[Act]:
        """Yield what `sealed` does, as the transaction of `connection` sees it."""
        key = seals.required_key(self._engine)
        query = select(acts).where(acts.c.action.in_(actions))
        if subject is not None:
            query = query.where(acts.c.subject == subject)
        query = query.order_by(acts.c.seq.desc() if newest_first else acts.c.seq)
        found = (Act(**row) for row in connection.execute(query).mappings())
        yield from (act for act in found if act.is_sealed(key))

    def last(self, *actions: str) -> int:
        """Return the number of the last line of these kinds, 0 where there is none: cheap to ask."""
        query = select(func.max(acts.c.seq)).where(acts.c.action.in_(actions))
        with self._engine.connect() as connection:
            return connection.scalar(query) or 0

    def verify(self) -> int:
        """Walk the chain and return its length; with the home's key, each line's seal is looked at as well.

        Raises
        ------
        BrokenChain
            At the first line that does not follow from the one before it.
        """
        with closing(self.links()) as links:
            return end_of(links).seq

    def verify_since(self, known: Link) -> Link:
        """Check that the line `known` stands as it did and that all after it follow, and return the last line's link.

        Raises
        ------
        BrokenChain
            At the first line that does not hold; the known one itself, if it is gone or another stands in its place.
        """
        if known == START:
            with closing(self.links()) as links:
                return end_of(links)
        with closing(self._rows(known.seq)) as rows:
            first = next(rows, None)
            if first is None:
                raise BrokenChain(known.seq, "it is gone, and all lines after it")
            if Link(first[0], first[8]) != known:
                raise BrokenChain(known.seq, "it is not the line that was known")
            key = seals.key_of(self._engine)
            return end_of(walk(chain([first], rows), key, Link(known.seq - 1, first[7])))

    def head(self) -> Link:
        """Return the last line's link as it stands there, `START` where there is none: cheap to ask."""
        return self._link(select(acts.c.seq, acts.c.hash).order_by(acts.c.seq.desc()).limit(1)) or START

    def link_at(self, seq: int) -> Link | None:
        """Return the link of one line as it stands there, None where there is none."""
        return self._link(select(acts.c.seq, acts.c.hash).where(acts.c.seq == seq))

    def _link(self, query: Select[tuple[int, str]]) -> Link | None:
        with self._engine.connect() as connection:
            row = connection.execute(query).first()
        return Link(row.seq, row.hash) if row else None

    def links(self) -> Generator[Link]:
        """Yield the link of each line that follows from the one before it; raise `BrokenChain` at the first other."""
        with closing(self._rows(1)) as rows:
            yield from walk(rows, seals.key_of(self._engine))

    def _rows(self, since: int) -> Generator[tuple[Any, ...]]:
        # by the driver, in chunks of plain tuples: half of what a line costs by SQLAlchemy's rows
        query = select(acts).order_by(acts.c.seq)
        if since > 1:  # from the first line on, what was slipped in before it has to be seen as well
            query = query.where(acts.c.seq >= since)
        statement = str(query.compile(self._engine, compile_kwargs={"literal_binds": True}))
        named = {"name": "chain"} if self._engine.dialect.name == "postgresql" else {}  # kept at the server, in chunks
        last = since - 1
        with self._engine.connect() as connection:
            driver: Any = connection.connection.driver_connection
            with closing(driver.cursor(**named)) as cursor:
                cursor.execute(statement)
                try:
                    while chunk := cursor.fetchmany(CHUNK):
                        yield from chunk
                        last = chunk[-1][0]
                except SqliteError as error:
                    if "decode" not in str(error):
                        raise
                    raise BrokenChain(last + 1, "it, or one of the lines after it, is not text") from None
