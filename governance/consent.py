"""A word of consent, as a line of the ledger tells of it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from governance.chain import Act

GRANTED, REVOKED = "consent.grant", "consent.revoke"
"""Acts of the ledger, each on a patient's token: they are all that consent is."""


class Said(StrEnum):
    """How the patient, or who speaks for them, said it."""

    IN_PERSON = "in-person"
    PAPER = "paper"
    PORTAL = "portal"
    VOICE = "voice"
    SMS = "sms"
    CHAT = "chat"
    EMAIL = "email"
    WHATSAPP = "whatsapp"
    CRM = "crm"
    UNSTATED = "unstated"


@dataclass(frozen=True, slots=True)
class Word:
    """What a patient said once.

    Attributes
    ----------
    purpose, granted
        To what, and yes or no.
    at, by, line
        When and by whom it was recorded, and the ledger's line.
    how
        How it was said.
    notice, notice_digest
        Version of the notice that was shown and ``sha256:…`` of its text; None of a revocation, which needs none.
    """

    purpose: str
    granted: bool
    at: datetime
    by: str
    line: int
    how: Said
    notice: str | None
    notice_digest: str | None


def word_in(act: Act) -> Word:
    """Return the word that a sealed line of consent tells of."""
    facts = act.facts
    return Word(
        purpose=facts["purpose"],
        granted=act.action == GRANTED,
        at=datetime.fromisoformat(act.at),
        by=act.actor,
        line=act.seq,
        how=Said(facts["how"]),
        notice=facts["notice"],
        notice_digest=act.digest or None,
    )
