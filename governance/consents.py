"""Consents: what patients said yes and no to, as lines of the ledger. Silence is no consent, and the last word counts.

A line names the patient by their token alone. It is sealed, so that nobody can write a yes into the database.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import Engine

from caregate.clock import Clock, system_clock
from caregate.errors import BadInput
from governance.consent import GRANTED, REVOKED, Said, Word, word_in
from governance.consent_book import ConsentBook
from governance.ledger import Ledger
from governance.notices import Notices, load_notices
from governance.people import Role

__all__ = ["RECORDERS", "ConsentBook", "Consents", "Said", "UnknownWay", "Word", "way_of"]

RECORDERS = (Role.ENGINEER, Role.ADMIN)
"""Who records and reads words by hand: those who have the patients' own ids in hands already."""


class UnknownWay(BadInput):
    """There is no such way of saying it."""

    def __init__(self) -> None:
        super().__init__(f"no such way to say it: choose one of {', '.join(Said)}")


class Consents:
    """Records and reads what patients said.

    Parameters
    ----------
    engine
        The governance database, opened with the home's key.
    clock
        Tells the moment of a word.
    notices
        Purposes and the words that patients are shown.
    """

    def __init__(self, engine: Engine, clock: Clock = system_clock, *, notices: Notices | None = None) -> None:
        self._ledger = Ledger(engine, clock)
        self._notices = notices or load_notices()

    def grant(
        self, patient: str, purpose: str, *, by: str, how: Said = Said.UNSTATED, notice: str | None = None
    ) -> Word:
        """Record that the patient with this token agreed to `purpose` when they were shown a notice.

        Parameters
        ----------
        patient
            The token.
        purpose
            Such as ``train`` or ``contact:sms``.
        by
            Who records it.
        how
            How it was said.
        notice
            Version that was shown; by default the one that is shown now.

        Raises
        ------
        governance.notices.UnknownPurpose, governance.notices.UnknownNotice
            If nobody is asked for this, or no such notice was ever shown.
        """
        shown = self._notices.notice(purpose, notice)
        facts: dict[str, Any] = {"purpose": purpose, "notice": shown.version, "how": how.value}
        return word_in(self._ledger.append(by, GRANTED, patient, digest=shown.digest, **facts))

    def revoke(self, patient: str, purpose: str, *, by: str, how: Said = Said.UNSTATED) -> Word:
        """Record that the patient said no, or took a yes back; parameters and errors as of `grant`."""
        self._notices.purpose(purpose)
        facts: dict[str, Any] = {"purpose": purpose, "notice": None, "how": how.value}
        return word_in(self._ledger.append(by, REVOKED, patient, **facts))

    def of(self, patient: str) -> list[Word]:
        """Return every word of the patient with this token, oldest first."""
        return [word_in(act) for act in self._ledger.sealed(GRANTED, REVOKED, subject=patient)]

    def last_words(self, purpose: str) -> dict[str, Word]:
        """Return the last word on `purpose` of each patient who ever said one, by token."""
        words = ((act.subject, word_in(act)) for act in self._ledger.sealed(GRANTED, REVOKED))
        return {patient: word for patient, word in words if word.purpose == purpose}


def way_of(word: str) -> Said:
    """Return the way of saying it that is called `word`.

    Raises
    ------
    UnknownWay
        If there is none.
    """
    if word not in set(Said):
        raise UnknownWay
    return Said(word)
