"""Channels: what carries a message out of the house, or keeps it in the sandbox."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from caregate.errors import BadInput
from crm.outreach.medium import Medium


class Receipt(StrEnum):
    """What a channel says of a message.

    Of an unknown one nobody knows whether it arrived: it is handed over again later, under the same id.
    """

    ACCEPTED = "accepted"
    REFUSED = "refused"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Message:
    """What a channel is handed.

    Attributes
    ----------
    message_id
        The same for the same message, however often it is handed over: what a gateway knows a second one by.
    medium
        How it is to reach the patient.
    patient_id, record_id
        The CRM's own ids; whoever delivers looks number or address up by them.
    text, language
        What is said.
    """

    message_id: str
    medium: Medium
    patient_id: str
    record_id: str | None
    text: str
    language: str


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What a channel can do.

    Attributes
    ----------
    media
        The ways that it serves.
    contacts
        Whether what it takes reaches patients.
    """

    media: frozenset[Medium]
    contacts: bool


class Channel(Protocol):
    """Takes messages."""

    @property
    def name(self) -> str:
        """What the message log calls it."""

    @property
    def capabilities(self) -> Capabilities:
        """What it can do."""

    def deliver(self, message: Message) -> Receipt:
        """Hand `message` over; the same one again is no second message."""


class ChannelUnset(BadInput):
    """No gateway is set, so nothing can be sent."""

    def __init__(self) -> None:
        super().__init__(
            "no gateway is set: name one in the table [outreach.gateways] of caregate.toml, or use sandbox"
        )


class UnknownChannel(BadInput):
    """There is no such channel."""

    def __init__(self) -> None:
        super().__init__("no such channel: choose sandbox or webhook")
