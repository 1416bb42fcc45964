"""Decisions about rows held back: a named person releases, holds again or discards, and the ledger says so.

A decision is about a row's content, by the key that it is sealed under, and about the rule that held it back. The last
one counts; discarding is final, because the key is destroyed in the same transaction.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import Connection, Engine, insert, select

from caregate.clock import Clock, system_clock
from caregate.errors import BadInput, Refused
from governance.database import exclusive
from governance.ledger import Ledger
from governance.people import People, Role
from governance.row_keys import RowDiscarded, RowUnknown, destroy
from governance.schema import quarantine, quarantine_decisions

STEWARDS = (Role.ENGINEER, Role.ADMIN)
"""Who opens and decides: those who have the export in hands. Not who signs: nobody judges data that they let in."""
SHORTEST_REASON, LONGEST_REASON = 10, 500


class State(StrEnum):
    """What has become of a row that was held back."""

    HELD = "held"
    RELEASED = "released"
    DISCARDED = "discarded"
    UNKNOWN = "unknown"
    """Its key is not in this ledger, which is older than the snapshot or another home's."""


class NotASteward(Refused):
    """The acting person may not open or decide."""

    def __init__(self, user: str) -> None:
        super().__init__(
            f"rows held back are for the roles {' and '.join(STEWARDS)}, and {user!r} has no standing account with "
            "one; say who you are with CAREGATE_USER, or see `caregate users list`"
        )


class ReasonUnfit(BadInput):
    """A decision was not explained."""

    def __init__(self) -> None:
        super().__init__(
            f"say why, in {SHORTEST_REASON} to {LONGEST_REASON} characters and without a patient's data: --reason"
        )


@dataclass(frozen=True, slots=True)
class Held:
    """A row in a snapshot's quarantine.

    Attributes
    ----------
    key
        Name of the key that it is sealed under.
    snapshot, source
        Digest of the snapshot, and where its rows came from.
    table, row_number, rule
        Which row, and the rule that held it back.
    """

    key: str
    snapshot: str
    source: str
    table: str
    row_number: int
    rule: str

    @property
    def subject(self) -> str:
        """What the ledger calls it."""
        return f"quarantine/{self.source}/{self.table}/{self.row_number}"


@dataclass(frozen=True, slots=True)
class Standing:
    """How the rows of a home's quarantines stand.

    Attributes
    ----------
    since
        When each key's row was first held back.
    discarded
        Keys that were destroyed.
    released
        Keys with the rule that a person released their row from.
    """

    since: dict[str, datetime]
    discarded: frozenset[str]
    released: frozenset[tuple[str, str]]

    def of(self, row: Held) -> State:
        """Return the state of `row`."""
        if row.key not in self.since:
            return State.UNKNOWN
        if row.key in self.discarded:
            return State.DISCARDED
        return State.RELEASED if (row.key, row.rule) in self.released else State.HELD


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
            return _standing(connection)

    def released(self) -> frozenset[tuple[str, str]]:
        """Return the released contents, each by its mark and the rule that it passes."""
        with self._engine.connect() as connection:
            standing = _standing(connection)
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
        """Destroy the keys of `rows`: nothing opens them any more; arguments, answer and errors as of `release`."""
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
            standing = _standing(connection)
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
        raise NotASteward(by)


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


def _standing(connection: Connection) -> Standing:
    rows = connection.execute(
        select(quarantine.c.row, quarantine.c.since, quarantine.c.key.is_(None).label("gone"))
    ).all()
    said: dict[tuple[str, str], str] = {}
    decided = quarantine_decisions.c
    for decision in connection.execute(select(decided.row, decided.rule, decided.verdict).order_by(decided.seq)):
        said[decision.row, decision.rule] = decision.verdict
    return Standing(
        since={row.row: row.since if row.since.tzinfo else row.since.replace(tzinfo=UTC) for row in rows},
        discarded=frozenset(row.row for row in rows if row.gone),
        released=frozenset(pair for pair, verdict in said.items() if verdict == State.RELEASED),
    )


def _forget_journal(engine: Engine) -> None:
    """Empty SQLite's write-ahead log, in which a destroyed key still stands; PostgreSQL's is its administrator's."""
    if engine.dialect.name != "sqlite":
        return
    raw = engine.raw_connection()
    try:
        raw.cursor().execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    finally:
        raw.close()
