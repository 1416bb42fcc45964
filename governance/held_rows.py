"""How rows held back stand: held, released or discarded, by the last word that was said about each."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum

from sqlalchemy import Connection, select

from governance.schema import quarantine, quarantine_decisions


class State(StrEnum):
    """What has become of a row that was held back."""

    HELD = "held"
    RELEASED = "released"
    DISCARDED = "discarded"
    UNKNOWN = "unknown"
    """Its key is not in this ledger, which is older than the snapshot or another home's."""


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


def read_standing(connection: Connection) -> Standing:
    """Return how all rows stand now."""
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
