"""Incidents: what went wrong, as lines of the ledger, from the first word to the last.

An incident is no row that somebody keeps up to date. It is opened, moved on and noted by lines that stay; where it
stands is what they come to. Lines name models and versions, never a patient.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection, Engine

from caregate.clock import Clock, system_clock
from caregate.errors import BadInput, NotFound, Refused
from governance.database import exclusive
from governance.incident import ADVANCED, NOTED, OPENED, Incident, incidents_in
from governance.incident_rules import Kind, State, require_handler, require_step
from governance.ledger import Ledger
from governance.people import People

REFUSED = "incident.refuse"
"""Act of the ledger: somebody tried to move an incident on, and may not."""
ID = re.compile(r"inc-(?P<year>\d{4})-(?P<number>\d{4,})")
SHORTEST, LONGEST = 10, 500
"""Characters of a title, a reason or a note."""


class UnknownIncident(NotFound):
    """No incident is called this."""

    def __init__(self) -> None:
        super().__init__("no such incident: see `caregate incident list`")


class WordsUnfit(BadInput):
    """A title, reason or note says too little, too much, or holds what is no text."""

    def __init__(self, what: str) -> None:
        super().__init__(
            f"the {what} takes {SHORTEST} to {LONGEST} characters on one line, without anything of a patient"
        )


class Incidents:
    """The incidents of a home.

    Parameters
    ----------
    engine
        The governance database, opened with the home's key.
    clock
        Tells the moment of an act.
    """

    def __init__(self, engine: Engine, clock: Clock = system_clock) -> None:
        self._engine = engine
        self._clock = clock
        self._ledger = Ledger(engine, clock)
        self._people = People(engine, clock)

    def open(
        self,
        kind: Kind,
        about: str,
        title: str,
        *,
        by: str,
        once_key: str | None = None,
        facts: Mapping[str, Any] | None = None,
    ) -> Incident:
        """Open an incident, or return the one that stands under `once_key` already.

        Raises
        ------
        WordsUnfit
            If `about` or `title` is no line of text of a fit length.
        """
        said: dict[str, Any] = {"kind": kind.value, "about": _fit("subject", about, 1), "title": _fit("title", title)}
        said |= {"once_key": once_key or "", "facts": dict(facts or {})}
        if once_key and (found := self._standing(once_key)):  # asked every few seconds: keeps no writer waiting
            return found
        with exclusive(self._engine) as connection:
            found = self._standing(once_key, connection) if once_key else None
            if found:
                return found
            act = self._ledger.append_within(connection, by, OPENED, self._next_id(connection), **said)
        return incidents_in([act])[0]

    def advance(self, incident: str, state: State, reason: str, *, by: str) -> Incident:
        """Move an incident on.

        Raises
        ------
        UnknownIncident
            If there is none of this name.
        WordsUnfit
            If the reason says nothing.
        governance.incident_rules.MayNotAdvance, WrongStep, FourEyes
            If the rules forbid it; that leaves a line too.
        """
        said = _fit("reason", reason)
        with exclusive(self._engine) as connection:
            found = self._get(incident, connection)
            refusal = self._refusal(found, state, by)
            if refusal is None:
                self._ledger.append_within(connection, by, ADVANCED, incident, state=state.value, reason=said)
            else:
                self._ledger.append_within(connection, by, REFUSED, incident, state=state.value, why=str(refusal))
        if refusal is not None:
            raise refusal
        return self.get(incident)

    def note(self, incident: str, text: str, *, by: str) -> Incident:
        """Add a note to an incident; errors as of `advance`, but that every account may."""
        said = _fit("note", text)
        with exclusive(self._engine) as connection:
            self._get(incident, connection)
            self._ledger.append_within(connection, by, NOTED, incident, reason=said)
        return self.get(incident)

    def all(self, state: State | None = None) -> list[Incident]:
        """Return every incident, or those that stand at `state`, by their order of opening."""
        with self._engine.connect() as connection:
            return [item for item in self._all(connection) if state in (None, item.state)]

    def get(self, incident: str) -> Incident:
        """Return one incident.

        Raises
        ------
        UnknownIncident
            If there is none of this name.
        """
        with self._engine.connect() as connection:
            return self._get(incident, connection)

    def _all(self, connection: Connection) -> list[Incident]:
        return incidents_in(self._ledger.sealed_within(connection, OPENED, ADVANCED, NOTED))

    def _get(self, incident: str, connection: Connection) -> Incident:
        found = incidents_in(self._ledger.sealed_within(connection, OPENED, ADVANCED, NOTED, subject=incident))
        if not found:
            raise UnknownIncident
        return found[0]

    def _standing(self, once_key: str, connection: Connection | None = None) -> Incident | None:
        found = self._all(connection) if connection is not None else self.all()
        return next((item for item in found if item.once_key == once_key and item.state is not State.CLOSED), None)

    def _next_id(self, connection: Connection) -> str:
        year = self._clock().year
        opened = [ID.fullmatch(act.subject) for act in self._ledger.sealed_within(connection, OPENED)]
        numbers = [int(item["number"]) for item in opened if item and int(item["year"]) == year]
        return f"inc-{year}-{max(numbers, default=0) + 1:04}"

    def _refusal(self, found: Incident, to: State, by: str) -> Refused | None:
        try:
            require_handler(by, self._people.find(by))
            require_step(found.id, found.state, to, by=by, opened_by=found.opened_by, contained_by=found.contained_by)
        except Refused as refusal:
            return refusal
        return None


def _fit(what: str, text: str, shortest: int = SHORTEST) -> str:
    said = text.strip()
    if not shortest <= len(said) <= LONGEST or not said.isprintable():
        raise WordsUnfit(what)
    return said
