"""A notice: one thing that people of some roles have to hear, and hear once."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum

from governance.ledger import digest_of
from governance.people import Role

_UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u200e\u200f\u202a-\u202e\u2066-\u2069]+")


class Kind(StrEnum):
    """What a notice is about."""

    WAITING = "version.waiting"
    SECOND = "version.waiting-second"
    REMINDER = "version.still-waiting"
    ENDING = "approval.ending"
    ENDED = "approval.ended"
    REJECTED = "version.rejected"
    REVOKED = "version.revoked"
    INCIDENT = "incident.opened"
    UNPROMOTED = "promotion.late"


@dataclass(frozen=True, slots=True)
class Notice:
    """Something to tell.

    Attributes
    ----------
    kind, subject
        What it is about: a version as ``model/number``, or an incident's id.
    about
        What tells it from others of its kind on its subject: content, moment, period.
    title
        One line.
    lines
        A few short lines of text.
    roles
        Who has to hear it.
    page, report
        Of the version in MLflow's UI, below its address; empty where there are none.
    """

    kind: Kind
    subject: str
    about: str
    title: str
    lines: tuple[str, ...]
    roles: tuple[Role, ...]
    page: str = ""
    report: str = ""

    def __post_init__(self) -> None:
        object.__setattr__(self, "title", printable(self.title))
        object.__setattr__(self, "lines", tuple(printable(line) for line in self.lines))

    def key(self, messenger: str) -> str:
        """Return the name under which its sending by `messenger` stands in the ledger, ``sha256:…``."""
        return digest_of([self.kind, self.subject, self.about, messenger])


def printable(text: str) -> str:
    """Return `text` on one line, without what would end a header or turn what is read around."""
    return " ".join(_UNPRINTABLE.sub(" ", text).split())
