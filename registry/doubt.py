"""Whether the ledger may be believed: where lines of it were changed or removed, nobody can say what is allowed.

A revocation may be among the lines that are gone. So scoring abstains until a person has looked and moved the incident
on to `contained`, which takes a restored ledger or a decision that somebody answers for.
"""

from __future__ import annotations

from caregate.clock import Clock
from caregate.settings import Settings
from governance.database import ledger_database
from governance.incident_rules import Kind, State
from governance.incidents import Incidents

LOST = "lines_lost"
"""Fact of an incident: lines were changed or removed, and not merely added."""
UNSETTLED = (State.OPEN, State.INVESTIGATING, State.REOPENED)


def doubt_about(settings: Settings, *, clock: Clock) -> str | None:
    """Return the incident for which the ledger is not to be believed now, None where it is."""
    incidents = Incidents(ledger_database(settings), clock).all()
    lost = (item for item in incidents if item.kind is Kind.LEDGER_TAMPERED and item.facts.get(LOST))
    return next((item.id for item in lost if item.state in UNSETTLED), None)
