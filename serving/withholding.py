"""When the service does not score, and what it says then: rules about a record before a model sees it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final, Protocol

from crm.sources.canonical_rules import ZONES
from models.spec import ModelSpec
from serving.instances import PATIENT, position_of
from serving.known.history import NEVER, History
from validation.policy import Freshness

EXPIRED: Final = "the approval has expired: the version has to be signed again"
NO_CONSENT: Final = "no consent: the patient has not agreed to being scored, or has taken it back"
NO_SNAPSHOT: Final = "stale features: no snapshot is published that says what is known of patients"
BACKDATED: Final = "backdated: the moment of a new record lies too far before the newest that is known"
BOOKED_AFTER_DAY: Final = "booked after the day of the appointment: one of the two is wrong"
UNKNOWN_PATIENT: Final = "unknown patient: the record tells of earlier stays, and nothing is known of them"
NOT_FOR_IT: Final = "not of the population that the model is for"
SCORE: Final = "score"

Word = tuple[bool, datetime]


class Dated(Protocol):
    """What is known as of some moment."""

    as_of: datetime


def stale(history: Dated, freshness: Freshness, now: datetime) -> str | None:
    """Return why nobody is scored by `history` at the moment `now`; None where it is fresh."""
    days = freshness.stale_after_days.value
    if history.as_of == NEVER:
        return NO_SNAPSHOT
    if now - history.as_of > timedelta(days=days):
        return f"stale features: the newest snapshot is older than {days} days"
    return None


def consents(recorded: Word | None, in_snapshot: Word | None, *, required: bool) -> bool:
    """Return whether a patient may be scored after their last word; of two at the same moment the revocation counts.

    Parameters
    ----------
    recorded, in_snapshot
        The last word in the ledger and in the snapshot: yes or no, and when; None where none was said.
    required
        Whether nobody is scored who never said a word.
    """
    if recorded is None or in_snapshot is None:
        word = recorded or in_snapshot
        return not required if word is None else word[0]
    last = max(recorded[1], in_snapshot[1])
    return all(granted for granted, at in (recorded, in_snapshot) if at == last)


class Placing:
    """Gives records their patient and their place in time, which no client can choose freely.

    Who could name another patient for a record that is known would get around the consent of the one whose it is. Who
    could ask of a known patient at any moment of the past would see the score move with each visit.

    Parameters
    ----------
    spec
        The model.
    freshness
        How far back a new record may lie.

    Attributes
    ----------
    began
        The column that says when; None where the model's table has none.
    is_position
        Whether it counts instead of telling a moment.
    """

    def __init__(self, spec: ModelSpec, freshness: Freshness) -> None:
        self._spec = spec
        self.began = spec.timeline.began if spec.timeline else None
        self.is_position = position_of(spec) is not None
        self._own = (PATIENT,) if self.began is None else (PATIENT, self.began)
        self._back = timedelta(days=freshness.backdated_days.value)

    def place(self, row: dict[str, Any], history: History, newest: Any) -> str | None:
        """Set the patient and moment of `row`, a canonical one, and return why it is not scored; None where it is.

        Parameters
        ----------
        row
            What the client sent.
        history
            What is known, perhaps of the same record.
        newest
            The last moment that is known; None where none is.
        """
        known = history.known_values(self._spec, row[self._spec.record_id], self._own)
        if known is not None:
            row.update(known)
        elif self.began is None:
            return None
        elif self.is_position:
            row[self.began] = self.position(newest)
        elif newest is not None and row[self.began] < self.earliest(newest):
            return BACKDATED
        return BOOKED_AFTER_DAY if is_booked_after_day(row) else None

    def position(self, newest: int | None) -> int:
        """Return where a new record stands, after the last position that is known."""
        return 0 if newest is None else newest + 1

    def earliest(self, newest: datetime) -> datetime:
        """Return before which moment a new record is backdated, by the last moment that is known."""
        return newest - self._back


def is_booked_after_day(row: Mapping[str, Any]) -> bool:
    """Return whether a canonical row's day had passed when it was booked; one day is allowed, for days are local."""
    booked, day = row.get("booked_at"), row.get("day")
    return booked is not None and day is not None and booked.date() > day + ZONES


def is_unknown(spec: ModelSpec, row: Mapping[str, Any], history: History) -> bool:
    """Return whether a canonical row tells of a history of which nothing is known."""
    told = any((row[name] or 0) > 0 for name in spec.tells_of_history)
    return told and not history.knows(row["patient_id"])
