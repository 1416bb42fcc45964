"""The book of consents: every last word in memory, true as of the moment before each request.

Whether anything is new costs one read of an index. So a revocation counts from the next request on, in every process.
"""

from __future__ import annotations

import json
import sqlite3
import weakref
from collections.abc import Callable
from datetime import datetime
from threading import Lock
from typing import Any

import psycopg
from sqlalchemy import Engine

from caregate.errors import CaregateError
from governance import seals
from governance.chain import row_is_sealed
from governance.consent import GRANTED, REVOKED
from governance.database import plain_connection
from governance.schema import acts

CHUNK = 10_000
"""Lines that are read at once."""
LOST = (sqlite3.Error, psycopg.Error)


class ConsentsUnreadable(CaregateError):
    """The ledger cannot be read, so nobody's consent is known."""

    status = 503
    title = "Consents unreadable"

    def __init__(self) -> None:
        super().__init__("the ledger's database does not answer, so nobody's consent is known: see that it runs")


class ConsentBook:
    """The last word of every patient on every purpose; one a process, for all of its threads.

    Parameters
    ----------
    engine
        The governance database, opened with the home's key. A line without a true seal counts for nothing.

    Raises
    ------
    governance.seals.SealKeyMissing
        If the database was opened without the home's key.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._key = seals.required_key(engine)
        self._newest, self._lines = _statements(engine)
        self._lock = Lock()
        self._words: dict[str, dict[str, tuple[bool, str]]] = {}
        self._seen: tuple[int | None, int | None] = (None, None)
        """Numbers of the newest grant and revocation when they were last asked, sealed or not."""
        self._read = 0
        """Number of the last sealed line in the book: a forged one of a high number hides none that follow."""
        self._session: Any = None
        self._end: Callable[[], object] | None = None

    def refresh(self) -> None:
        """Read the words that are new since the last time; the first time, all of them.

        Raises
        ------
        ConsentsUnreadable
            If the database does not answer.
        """
        with self._lock:
            try:
                self._catch_up()
            except LOST:
                self._disconnect()  # the server may have come back since
                try:
                    self._catch_up()
                except LOST:
                    self._disconnect()
                    raise ConsentsUnreadable from None

    def word(self, patient: str, purpose: str) -> bool | None:
        """Return the last word of the patient with this token: True granted, False revoked, None never said."""
        said = self.said(patient, purpose)
        return None if said is None else said[0]

    def said(self, patient: str, purpose: str) -> tuple[bool, datetime] | None:
        """Return the last word as `word` does, and the moment at which it was recorded."""
        found = self._words.get(purpose, {}).get(patient)
        return None if found is None else (found[0], datetime.fromisoformat(found[1]))

    def close(self) -> None:
        """Give the connection back."""
        with self._lock:
            self._disconnect()

    def _catch_up(self) -> None:
        session = self._session or self._connect()
        newest = session.execute(self._newest).fetchone()
        if newest != self._seen:
            self._load(session)
            self._seen = newest

    def _load(self, session: Any) -> None:
        since = self._read
        while rows := session.execute(self._lines, (since, since)).fetchall():
            since = rows[-1][0]
            for row in rows:
                if row_is_sealed(row, self._key):
                    self._words.setdefault(json.loads(row[6])["purpose"], {})[row[4]] = row[3] == GRANTED, row[1]
                    self._read = row[0]

    def _connect(self) -> Any:
        session = self._session = plain_connection(self._engine)
        self._end = weakref.finalize(self, session.close)
        return session

    def _disconnect(self) -> None:
        if self._end is not None:
            self._end()
        self._session = self._end = None


def _statements(engine: Engine) -> tuple[str, str]:
    """Return the SQL that asks for the numbers of the newest lines, and for the lines after a number."""
    sign = "?" if engine.dialect.name == "sqlite" else "%s"
    columns = ", ".join(acts.c.keys())
    parts = [
        f"SELECT * FROM (SELECT {columns} FROM acts WHERE action = '{action}' AND seq > {sign} "  # noqa: S608
        f"ORDER BY seq LIMIT {CHUNK}) AS {name}"
        for action, name in ((GRANTED, "granted"), (REVOKED, "revoked"))
    ]
    lines = f"{' UNION ALL '.join(parts)} ORDER BY seq LIMIT {CHUNK}"
    newest = (f"(SELECT max(seq) FROM acts WHERE action = '{action}')" for action in (GRANTED, REVOKED))  # noqa: S608
    return f"SELECT {', '.join(newest)}", lines
