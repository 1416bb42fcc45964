"""Replies: what comes back from a channel, be it how a message fared or what a patient says; a STOP counts at once."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Mapping
from dataclasses import replace
from enum import StrEnum
from typing import Any

from sqlalchemy import Engine

from caregate.clock import Clock, system_clock
from caregate.errors import BadInput
from crm.outreach.medium import Medium, medium_of
from crm.outreach.message_log import Line, MessageLog, State
from crm.outreach.patient_words import PatientBook
from crm.outreach.policy import OutreachPolicy, Stop
from crm.outreach.sensitive import is_sensitive

LONGEST = 10_000
"""Characters of a reply that are read; no channel carries more."""
FIELDS = {"message_id", "patient_id", "channel", "state", "text"}
REPORTED = {"delivered": State.DELIVERED, "failed": State.FAILED}
NEEDS_PERSON = "needs-a-person"


class ReplyUnfit(BadInput):
    """What came from the channel cannot be read."""

    def __init__(self, why: str) -> None:
        super().__init__(f"the reply cannot be read: {why}")


class Received(StrEnum):
    """What a reply came to."""

    STOPPED = "stopped"
    RESUMED = "resumed"
    ANSWERED = "answered"
    NEEDS_PERSON = "needs-a-person"
    DELIVERED = "delivered"
    FAILED = "failed"
    UNKNOWN = "unknown"
    """Of no message and no patient that we know."""


def receive(
    engine: Engine,
    policy: OutreachPolicy,
    reply: Mapping[str, Any],
    *,
    by: str,
    token_of: Callable[[str], str | None],
    once: str = "",
    clock: Clock = system_clock,
) -> Received:
    """Take in one reply, whose signature somebody has checked; taken in again it changes nothing.

    Parameters
    ----------
    engine
        The governance database, opened with the home's key.
    policy
        Holds the words that end messages and those that are for a person.
    reply
        ``message_id`` of ours, or ``patient_id`` of the CRM and ``channel``; with ``state`` (``delivered`` or
        ``failed``) or ``text``, which is read and not kept.
    by
        Which source it came from.
    token_of
        Returns the token of a patient by the CRM's own id, None of a stranger.
    once
        Digest of the event that brought it, so that it is the same event for whoever takes it in again.
    clock
        Tells the moment.

    Raises
    ------
    ReplyUnfit, crm.outreach.medium.UnknownMedium
        If it says neither, or something else.
    """
    said = _checked(reply)
    log = MessageLog(engine)
    lines = log.find(said["message_id"]) if "message_id" in said else []
    approved = next((line for line in lines if line.state is State.APPROVED), None)
    if "state" in said:
        return _reported(log, approved, REPORTED[said["state"]], by, clock)
    patient = approved.patient if approved else token_of(said["patient_id"]) if "patient_id" in said else None
    medium = approved.channel if approved else medium_of(said["channel"]) if "channel" in said else None
    if patient is None:
        return Received.UNKNOWN
    found = _meaning(PatientBook(engine, clock), policy, patient, medium, said["text"], by, once)
    if approved is not None:
        why = found.value if found is not Received.ANSWERED else None
        log.add(replace(approved, state=State.ANSWERED, at=clock(), by=by, why=why))
    return found


def word_in(text: str, stop: Stop) -> tuple[str, bool] | None:
    """Return what a text asks for: ``stop`` or ``start``, and whether of every channel; None where it asks for neither.

    A text that is a word of the policy and nothing else counts, and one that begins with STOP: to hear one STOP too
    many costs a message, to miss one costs trust.
    """
    plain = _plain(text)
    if plain in _words(stop.everywhere.value):
        return "stop", True
    if plain in _words(stop.here.value) or plain.startswith("STOP "):
        return "stop", False
    return ("start", False) if plain in _words(stop.again.value) else None


def _meaning(
    book: PatientBook, policy: OutreachPolicy, patient: str, medium: Medium | None, text: str, by: str, once: str
) -> Received:
    word = word_in(text, policy.stop)
    if word is None:
        return Received.NEEDS_PERSON if is_sensitive(text, policy.sensitive_words) else Received.ANSWERED
    asked, everywhere = word
    if asked == "start":
        if medium is not None:
            book.resume(patient, medium, by=by, how="reply", once=once)
        return Received.RESUMED
    book.stop(patient, None if everywhere else medium, by=by, how="reply")
    return Received.STOPPED


def _reported(log: MessageLog, approved: Line | None, state: State, by: str, clock: Clock) -> Received:
    if approved is None:
        return Received.UNKNOWN
    log.add(replace(approved, state=state, at=clock(), by=by))
    return Received(state.value)


def _checked(reply: Mapping[str, Any]) -> dict[str, str]:
    said = {name: value for name, value in reply.items() if value is not None}
    if set(said) - FIELDS or not all(isinstance(value, str) and len(value) <= LONGEST for value in said.values()):
        raise ReplyUnfit(f"it may hold {', '.join(sorted(FIELDS))}, each a text, and nothing else")
    if "message_id" not in said and "patient_id" not in said:
        raise ReplyUnfit("it names neither message_id nor patient_id")
    if ("state" in said) == ("text" in said) or said.get("state", "delivered") not in REPORTED:
        raise ReplyUnfit("it has either a text, or a state that is delivered or failed")
    return said


def _words(words: tuple[str, ...]) -> set[str]:
    return {_plain(word) for word in words}


def _plain(text: str) -> str:
    parts = unicodedata.normalize("NFKD", text.upper())
    kept = "".join(part if part.isalnum() else " " for part in parts if not unicodedata.combining(part))
    return " ".join(kept.split())
