"""The message log: what was proposed, approved, sent and answered, one line a state, never changed.

A message's text is not kept, only its template and digest. A line says who decided, by which consent, on which
prediction.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, fields
from datetime import UTC, datetime
from enum import StrEnum

from sqlalchemy import ColumnElement, Connection, Engine, insert, select

from crm.outreach.hold_out import Arm
from crm.outreach.medium import Medium
from governance.database import exclusive
from governance.schema import messages


class State(StrEnum):
    """Where a message stands; each once.

    A proposed one was refused for the time being, and says why. An approved one may have reached the patient already.
    """

    PROPOSED = "proposed"
    APPROVED = "approved"
    SENT = "sent"
    DELIVERED = "delivered"
    FAILED = "failed"
    ANSWERED = "answered"
    STOPPED = "stopped"


ENDED = frozenset({State.SENT, State.DELIVERED, State.FAILED, State.ANSWERED, State.STOPPED})
"""States after which a message is not sent again."""


@dataclass(frozen=True, slots=True)
class Line:
    """A state of a message.

    Attributes
    ----------
    message_id
        Made of what the message is about, so that the same one is never made twice.
    state, at, by
        Where it stands, since when, and by whose act.
    worklist, model, prediction_id
        What it came of; no worklist and no prediction stand behind an emergency.
    patient, record
        Vault tokens.
    arm
        Of the patient.
    carrier
        What carries it: ``sandbox`` or ``webhook``. A rehearsal in the sandbox is no contact.
    channel, template, template_version, language, text_digest
        What is said, and how.
    consent_line
        The ledger's line by which the patient agreed to the channel.
    why
        A closed reason: why it is not sent, or what an answer asks for.
    """

    message_id: str
    state: State
    at: datetime
    by: str
    worklist: str | None
    model: str
    prediction_id: str | None
    patient: str
    record: str | None
    arm: Arm
    carrier: str
    channel: Medium | None = None
    template: str | None = None
    template_version: int | None = None
    language: str | None = None
    text_digest: str | None = None
    consent_line: int | None = None
    why: str | None = None


COLUMNS = [messages.c[field.name] for field in fields(Line)]


class MessageLog:
    """The log of a home.

    Parameters
    ----------
    engine
        The governance database.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def add(self, line: Line) -> bool:
        """Write a state, unless the message has it already; return whether it was written."""
        with exclusive(self._engine) as connection:
            return self.add_within(connection, line)

    def add_within(self, connection: Connection, line: Line) -> bool:
        """Do what `add` does inside the transaction of `connection`, which `exclusive` has to have opened."""
        same = (messages.c.message_id == line.message_id) & (messages.c.state == line.state.value)
        if connection.execute(select(messages.c.seq).where(same)).first() is not None:
            return False
        connection.execute(insert(messages).values(asdict(line)))
        return True

    def of_message(self, connection: Connection, message_id: str) -> list[Line]:
        """Return the states of a message, oldest first."""
        return _read(connection, messages.c.message_id == message_id)

    def of_patient(self, connection: Connection, patient: str, carrier: str) -> list[Line]:
        """Return the states of a patient's messages by one carrier, oldest first."""
        return _read(connection, (messages.c.patient == patient) & (messages.c.carrier == carrier))

    def find(self, message_id: str) -> list[Line]:
        """Return the states of a message, oldest first; none where there is no such message."""
        with self._engine.connect() as connection:
            return self.of_message(connection, message_id)

    def of_worklists(self, worklists: Sequence[str], carrier: str) -> list[Line]:
        """Return the states of all messages that came of `worklists`, oldest first."""
        told = messages.c.worklist.in_(worklists) & (messages.c.carrier == carrier)
        with self._engine.connect() as connection:
            return _read(connection, told)


def _read(connection: Connection, which: ColumnElement[bool]) -> list[Line]:
    found = connection.execute(select(*COLUMNS).where(which).order_by(messages.c.seq)).mappings()
    return [_line(dict(row)) for row in found]


def _line(row: dict[str, object]) -> Line:
    at = row["at"]
    assert isinstance(at, datetime)  # noqa: S101  the column is a moment
    row["at"] = at if at.tzinfo else at.replace(tzinfo=UTC)  # SQLite keeps no zone
    row["state"], row["arm"] = State(str(row["state"])), Arm(str(row["arm"]))
    row["channel"] = Medium(str(row["channel"])) if row["channel"] is not None else None
    return Line(**row)  # type: ignore[arg-type]


def counted(lines: Iterable[Line], *, but: str = "") -> list[Line]:
    """Return the approvals that count as messages to the patient: all but those that a gateway refused.

    One that was approved and of which nothing more is known counts: it may have arrived.

    Parameters
    ----------
    lines
        States of a patient's messages.
    but
        The message that is being decided about.
    """
    every = list(lines)
    failed = {line.message_id for line in every if line.state is State.FAILED}
    return [
        line
        for line in every
        if line.state is State.APPROVED and line.message_id not in failed and line.message_id != but
    ]


def states_of(lines: Iterable[Line]) -> set[State]:
    """Return the states that are among `lines`."""
    return {line.state for line in lines}
