"""Stopping a model and starting it again: one row that every scoring server reads, without MLflow or Prefect."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy import insert, select

from caregate.clock import Clock, system_clock
from caregate.errors import BadInput
from caregate.settings import Settings
from governance.database import exclusive, open_database, require_current
from governance.ledger import Ledger
from governance.schema import suspensions
from registry.policy import REASON_LENGTH


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
    _write(settings, model, suspended=True, reason=reason, by=by, clock=clock)


def resume(settings: Settings, model: str, *, reason: str, by: str, clock: Clock = system_clock) -> None:
    """Let `model` score again.

    Raises
    ------
    ReasonMissing
        If `reason` says nothing.
    """
    _write(settings, model, suspended=False, reason=reason, by=by, clock=clock)


def suspension_of(settings: Settings, model: str) -> Suspension | None:
    """Return the suspension of `model` that holds now: one indexed row, cheap enough for every request."""
    query = select(suspensions).where(suspensions.c.model == model).order_by(suspensions.c.seq.desc()).limit(1)
    with open_database(settings.ledger_url).connect() as connection:
        row = connection.execute(query).first()
    if row is None or not row.suspended:
        return None
    return Suspension(row.reason, row.by, row.at if row.at.tzinfo else row.at.replace(tzinfo=UTC))


def _write(settings: Settings, model: str, *, suspended: bool, reason: str, by: str, clock: Clock) -> None:
    if len(reason.strip()) < REASON_LENGTH:
        raise ReasonMissing
    engine = require_current(open_database(settings.ledger_url))
    row = {"model": model, "suspended": suspended, "reason": reason.strip(), "by": by, "at": clock()}
    with exclusive(engine) as connection:
        connection.execute(insert(suspensions).values(row))
        action = "model.suspend" if suspended else "model.resume"
        Ledger(engine, clock).append_within(connection, by, action, model, reason=reason.strip())
