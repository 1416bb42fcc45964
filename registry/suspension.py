"""Stopping a model and starting it again: one line that every scoring server reads, without MLflow or Prefect.

Stopping opens an incident, after the line that stops: what is slow or fails then keeps no server scoring.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import takewhile

from caregate.clock import Clock, system_clock
from caregate.errors import BadInput
from caregate.settings import Settings
from governance.database import ledger_database
from governance.incident import Incident
from governance.incident_rules import Kind
from governance.incidents import Incidents
from governance.ledger import Act, Ledger
from registry.affected import count_affected
from registry.policy import REASON_LENGTH

SUSPENDED, RESUMED = "model.suspend", "model.resume"
"""Acts of the ledger: the last one says whether a model may score."""


class ReasonMissing(BadInput):
    """An act that has to be explained was not."""

    def __init__(self) -> None:
        super().__init__(f"say why, in at least {REASON_LENGTH} characters: --reason")


@dataclass(frozen=True, slots=True)
class Suspension:
    """A model that is stopped: since when, by whom and why."""

    reason: str
    by: str
    at: datetime


def suspend(settings: Settings, model: str, *, reason: str, by: str, clock: Clock = system_clock) -> Incident:
    """Stop `model`: every scoring server abstains from its next look on.

    Returns
    -------
    Incident
        Of the suspension: how many patients the version in use scored, and the digest of their tokens. A model that is
        suspended already keeps its incident.

    Raises
    ------
    ReasonMissing
        If `reason` says nothing.
    """
    act = _write(settings, SUSPENDED, model, reason=reason, by=by, clock=clock)
    engine = ledger_database(settings)  # the model stands still by now, however long the counting takes
    since = _suspending(Ledger(engine), model)
    affected = count_affected(settings, model, until=datetime.fromisoformat(since.at))
    about = f"{model}/{affected.version}" if affected.version else model
    facts = affected.facts | {"reason": act.facts["reason"]}
    return Incidents(engine, clock).open(
        Kind.SUSPENSION, about, f"{model} was suspended", by=by, once_key=f"suspension line {since.seq}", facts=facts
    )


def resume(settings: Settings, model: str, *, reason: str, by: str, clock: Clock = system_clock) -> None:
    """Let `model` score again.

    Raises
    ------
    ReasonMissing
        If `reason` says nothing.
    """
    _write(settings, RESUMED, model, reason=reason, by=by, clock=clock)


def suspension_of(settings: Settings, model: str) -> Suspension | None:
    """Return the suspension of `model` that holds now: one indexed line, cheap enough for every request."""
    ledger = Ledger(ledger_database(settings))
    last = next(ledger.sealed(SUSPENDED, RESUMED, subject=model, newest_first=True), None)
    return suspension_in([last] if last else [])


def suspension_in(acts: Sequence[Act]) -> Suspension | None:
    """Return the suspension that holds after these lines of one model, in order."""
    last = next((act for act in reversed(acts) if act.action in (SUSPENDED, RESUMED)), None)
    if last is None or last.action == RESUMED:
        return None
    return Suspension(last.facts["reason"], last.actor, datetime.fromisoformat(last.at))


def _suspending(ledger: Ledger, model: str) -> Act:
    """Return the line since which `model` stands still: suspended again, it stands still since the first one."""
    newest_first = ledger.sealed(SUSPENDED, RESUMED, subject=model, newest_first=True)
    return [*takewhile(lambda act: act.action == SUSPENDED, newest_first)][-1]


def _write(settings: Settings, action: str, model: str, *, reason: str, by: str, clock: Clock) -> Act:
    if len(reason.strip()) < REASON_LENGTH:
        raise ReasonMissing
    return Ledger(ledger_database(settings), clock).append(by, action, model, reason=reason.strip())
