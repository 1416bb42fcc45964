"""A review: what a person decided when they had read a prediction."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum


class Verdict(StrEnum):
    """Whether the person went along with the score."""

    AGREE = "agree"
    OVERRIDE = "override"


class Reason(StrEnum):
    """Why; `words` says it for people."""

    KNOWS_MORE = "knows-more"
    PATIENT_SAID = "patient-said"
    DATA_WRONG = "data-wrong"
    IMPLAUSIBLE = "implausible"
    NO_CAPACITY = "no-capacity"
    HOUSE_RULE = "house-rule"
    OTHER = "other"

    @property
    def words(self) -> str:
        """When this is the reason."""
        return _WORDS[self]


_WORDS = {
    Reason.KNOWS_MORE: "the person knows something that the model is not told",
    Reason.PATIENT_SAID: "the patient said what they want",
    Reason.DATA_WRONG: "what the model was told is wrong",
    Reason.IMPLAUSIBLE: "the score or its reasons make no sense",
    Reason.NO_CAPACITY: "there was nobody to do it",
    Reason.HOUSE_RULE: "a rule of the house decides",
    Reason.OTHER: "none of these",
}


@dataclass(frozen=True, slots=True)
class Decision:
    """What a client reports of one person's decision.

    Attributes
    ----------
    verdict
        Whether they went along with the score.
    decided
        What is done, by a word of the model's policy.
    reviewer
        The client's own id of the person.
    reason, note
        Why, and in their own words; None where they do not say.
    seconds
        How long they looked at the prediction; None where the client does not know.
    """

    verdict: Verdict
    decided: str
    reviewer: str = field(repr=False)
    reason: Reason | None = None
    note: str | None = field(default=None, repr=False)
    seconds: float | None = None


@dataclass(frozen=True, slots=True)
class Review:
    """A decision as it stands in the home, without its note.

    Attributes
    ----------
    review_id
        Drawn at random.
    at
        When it was reported.
    prediction_id, model, version, band
        What it is about.
    client
        Who reported it.
    verdict, decided, reason, seconds
        As in `Decision`.
    reviewer
        Token of the person.
    """

    review_id: str
    at: datetime
    prediction_id: str
    model: str
    version: int | None
    band: str | None
    client: str
    verdict: Verdict
    decided: str
    reason: Reason | None
    reviewer: str
    seconds: float | None
