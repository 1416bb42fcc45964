"""Stopping a model and starting it again: one line that every scoring server reads, without MLflow or Prefect."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from caregate.clock import Clock, system_clock
from caregate.errors import BadInput
from caregate.settings import Settings
from governance.database import ledger_database
from governance.ledger import Ledger
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


def suspend(settings: Settings, model: str, *, reason: str, by: str, clock: Clock = system_clock) -> None:
    """Stop `model`: every scoring server abstains from its next look on.

    Raises
    ------
    ReasonMissing
        If `reason` says nothing.
    """
    _write(settings, SUSPENDED, model, reason=reason, by=by, clock=clock)


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
    if last is None or last.action == RESUMED:
        return None
    return Suspension(last.facts["reason"], last.actor, datetime.fromisoformat(last.at))


def _write(settings: Settings, action: str, model: str, *, reason: str, by: str, clock: Clock) -> None:
    if len(reason.strip()) < REASON_LENGTH:
        raise ReasonMissing
    Ledger(ledger_database(settings), clock).append(by, action, model, reason=reason.strip())
