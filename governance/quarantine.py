"""Decisions about rows held back: a named person releases, holds again or discards, and the ledger says so.

A decision is about a row's content, by the key that it is sealed under, and about the rule that held it back. The last
one counts; discarding is final, because the key is destroyed in the same transaction.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from contextlib import closing
from typing import Any

from sqlalchemy import Connection, Engine, insert, select

from caregate.clock import Clock, system_clock
from caregate.errors import BadInput, CaregateError, Refused
from governance.database import exclusive
from governance.held_rows import Held, Standing, State, read_standing
from governance.ledger import Ledger
from governance.people import People, Person, Role
from governance.row_keys import RowDiscarded, RowUnknown, destroy
from governance.schema import quarantine, quarantine_decisions

STEWARDS = (Role.ENGINEER, Role.ADMIN)
"""Who opens and decides: those who have the export in hands. Not who signs: nobody judges data that they let in."""
SHORTEST_REASON, LONGEST_REASON = 10, 500
JOURNAL_WAIT = 30.0
"""Seconds for readers of the ledger to end."""


class NotASteward(Refused):
    """The acting person may not open or decide."""

    def __init__(self, user: str, person: Person | None) -> None:
        super().__init__(
            f"rows held back are for persons with the role {' or '.join(STEWARDS)}, and {_who(user, person)}"
        )


def _who(user: str, person: Person | None) -> str:
    if person is None:
        return f"no account is signed in as {user!r}: `caregate sign-in NAME` first; `caregate users list` has names"
    if person.disabled:
        return f"the account {user!r} is disabled"
    if person.service:
        return f"the account {user!r} is a service's"
    return f"the account {user!r} has the role {person.role}"


class ReasonUnfit(BadInput):
    """A decision was not explained."""

    def __init__(self) -> None:
        super().__init__(
            f"say why, in {SHORTEST_REASON} to {LONGEST_REASON} characters and without a patient's data: --reason"
        )


class JournalInUse(CaregateError):
    """Somebody reads the ledger, so that its journal could not be emptied."""

    def __init__(self) -> None:
        super().__init__(
            "the rows are discarded, but their keys still stand in the ledger's journal, which is in use: run the same "
            "command again"
        )


class Quarantine:
    """Opens for and records the decisions of stewards.

    Parameters
    ----------
    engine
        The governance database.
    clock
        Dates the decisions.
    """

    def __init__(self, engine: Engine, clock: Clock = system_clock) -> None:
        self._engine = engine
        self._clock = clock
        self._ledger = Ledger(engine, clock)
        self._people = People(engine, clock)

    def standing(self) -> Standing:
        """Return how all rows stand now."""
        with self._engine.connect() as connection:
            return read_standing(connection)

    def released(self) -> frozenset[tuple[str, str]]:
        """Return the released contents, each by its mark and the rule that it passes."""
        with self._engine.connect() as connection:
            standing = read_standing(connection)
            marks = {row.row: row.mark for row in connection.execute(select(quarantine.c.row, quarantine.c.mark))}
        return frozenset((marks[key], rule) for key, rule in standing.released if key not in standing.discarded)

    def record_opening(self, row: Held, *, by: str) -> None:
        """Write the ledger's line before `row` is shown to `by`.

        Raises
        ------
        NotASteward
            If `by` may not see it; that leaves a line too.
        RowDiscarded, RowUnknown
            If there is nothing to show.
        """
        self._require_steward(by, "show", [row])
        _require_openable(self.standing().of(row))
        self._ledger.append(by, "quarantine.show", row.subject, digest=row.snapshot, **_facts(row))

    def release(self, rows: Sequence[Held], *, reason: str, by: str) -> int:
        """Let the contents of `rows` pass the rule that held them back, from the next ingest on.

        Returns how many were not released until now; the others are left as they stand.

        Raises
        ------
        NotASteward, ReasonUnfit, RowDiscarded, RowUnknown
            If it cannot be done; nothing was written then but the refusal.
        """
        return self._decide(State.RELEASED, "release", rows, reason=reason, by=by)

    def hold(self, rows: Sequence[Held], *, reason: str, by: str) -> int:
        """Take the release of `rows` back; arguments, answer and errors as of `release`."""
        return self._decide(State.HELD, "hold", rows, reason=reason, by=by)

    def discard(self, rows: Sequence[Held], *, reason: str, by: str) -> int:
        """Destroy the keys of `rows`: nothing opens them any more.

        Arguments, answer and errors as of `release`; and `JournalInUse` where all is done but the last wiping.
        """
        count = self._decide(State.DISCARDED, "discard", rows, reason=reason, by=by)
        _forget_journal(self._engine)
        return count

    def _decide(self, verdict: State, act: str, rows: Sequence[Held], *, reason: str, by: str) -> int:
        said = reason.strip()
        if not SHORTEST_REASON <= len(said) <= LONGEST_REASON:
            raise ReasonUnfit
        self._require_steward(by, act, rows)
        count = 0
        with exclusive(self._engine) as connection:
            standing = read_standing(connection)
            for row in rows:
                if _is_new(verdict, standing.of(row)):
                    self._write(connection, verdict, act, row, reason=said, by=by)
                    count += 1
        return count

    def _write(self, connection: Connection, verdict: State, act: str, row: Held, *, reason: str, by: str) -> None:
        decision = {"row": row.key, "rule": row.rule, "verdict": verdict.value, "reason": reason}
        connection.execute(insert(quarantine_decisions).values(decision | {"by": by, "at": self._clock()}))
        facts = _facts(row) | {"reason": reason}
        self._ledger.append_within(connection, by, f"quarantine.{act}", row.subject, digest=row.snapshot, **facts)
        if verdict is State.DISCARDED:
            destroy(connection, row.key)

    def _require_steward(self, by: str, act: str, rows: Sequence[Held]) -> None:
        person = self._people.find(by)
        if person and person.role in STEWARDS and not person.disabled and not person.service:
            return
        for digest, subject in sorted({(row.snapshot, f"quarantine/{row.source}") for row in rows}):
            places = [f"{row.table}/{row.row_number}" for row in rows if row.snapshot == digest]
            facts = {"act": act, "rows": len(places), "first": places[0]}
            self._ledger.append(by, "quarantine.refuse", subject, digest=digest, **facts)
        raise NotASteward(by, person)


def _is_new(verdict: State, state: State) -> bool:
    if verdict is not State.DISCARDED or state is State.UNKNOWN:
        _require_openable(state)
    return state is not verdict


def _require_openable(state: State) -> None:
    if state is State.UNKNOWN:
        raise RowUnknown
    if state is State.DISCARDED:
        raise RowDiscarded


def _facts(row: Held) -> dict[str, Any]:
    return {"rule": row.rule, "key": row.key}


def _forget_journal(engine: Engine) -> None:
    """Empty SQLite's write-ahead log, in which a destroyed key still stands; PostgreSQL's is its administrator's."""
    if engine.dialect.name != "sqlite":
        return
    with closing(sqlite3.connect(str(engine.url.database), timeout=JOURNAL_WAIT)) as connection:
        (busy, *_) = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    if busy:
        raise JournalInUse
