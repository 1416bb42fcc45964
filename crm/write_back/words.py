"""What stands in the CRM: band, reasons, version, date and whom to ask, with a marker by which it is known again."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date

from crm.write_back.policy import Text
from crm.write_back.rows import ScoredRow

MARKER = "cg-"
"""Markers begin so; what follows is drawn at random and says nothing of anybody."""


@dataclass(frozen=True, slots=True)
class Wording:
    """How the scores of one model are told.

    Attributes
    ----------
    model, title
        Its name, and its words for people.
    day
        Of the write-back.
    policy
        What may be told.
    """

    model: str
    title: str
    day: date
    policy: Text

    def field(self, row: ScoredRow, marker: str) -> str:
        """Return the value of the custom field: one line, with as many reasons as it holds."""
        score = f" ({row.score:.0%})" if self.policy.score else ""
        head = f"{row.band}{score}; {self.model} v{row.version}, {self.day}"
        tail = f"; ask {self.policy.ask} [{marker}]"
        reasons = [reason for reason, _ in zip(_told(row), range(self.policy.reasons), strict=False)]
        while reasons and len(self._line(head, reasons, tail)) > self.policy.field_characters:
            reasons.pop()
        return self._line(head, reasons, tail)

    def note(self, row: ScoredRow, marker: str) -> str:
        """Return the text of the note."""
        score = f" ({row.score:.0%})" if self.policy.score else ""
        told = [reason for reason, _ in zip(_told(row), range(self.policy.reasons), strict=False)]
        lines = [f"{self.title}: {row.band}{score}"]
        lines += [f"Why: {'; '.join(told)}"] if told else []
        lines += [
            f"Reckoned by {self.model} version {row.version} on {self.day}. A person decides.",
            f"Questions: ask {self.policy.ask}.",
            f"[{marker}]",
        ]
        return "\n".join(lines)

    def _line(self, head: str, reasons: list[str], tail: str) -> str:
        return head + (f"; {', '.join(reasons)}" if reasons else "") + tail


def _told(row: ScoredRow) -> Iterator[str]:
    return (f"{'raised' if raised else 'lowered'} by {text}" for text, raised in row.reasons)
