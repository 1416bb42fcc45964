"""What a messenger carries, and what it is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from caregate.errors import CaregateError
from governance.people import Role


class NotDelivered(CaregateError):
    """A messenger could not hand a message over; it names no address and no secret."""

    def __init__(self, messenger: str, why: str) -> None:
        super().__init__(f"the {messenger} was not delivered: {why}")
        self.why = why


@dataclass(frozen=True)
class Message:
    """A notice on its way.

    Attributes
    ----------
    name
        The same for every try, ``sha256:…``: who receives it twice can tell.
    kind, subject
        What it is about.
    title, lines
        One line, and a few more.
    roles
        Who has to hear it.
    links
        Addresses by what they show.
    at
        When it is sent.
    """

    name: str
    kind: str
    subject: str
    title: str
    lines: tuple[str, ...]
    roles: tuple[Role, ...]
    at: datetime
    links: Mapping[str, str] = field(default_factory=dict)

    @property
    def text(self) -> str:
        """The lines, then the links."""
        shown = [f"{what}: {address}" for what, address in self.links.items()]
        return "\n".join([*self.lines, *shown])


class Messenger(Protocol):
    """By what people are told."""

    @property
    def name(self) -> str:
        """One word, as the ledger's lines name it."""

    def reaches(self, roles: tuple[Role, ...]) -> bool:
        """Tell whether it was given anybody of these roles."""

    def send(self, message: Message) -> None:
        """Hand `message` over.

        Raises
        ------
        NotDelivered
            If it was not taken by the other side.
        """
