"""An outcome: what really happened to a record that was, or could have been, predicted on."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum


class Taken(StrEnum):
    """What became of a reported outcome; all but the first two are rules that held it back."""

    RECORDED = "recorded"
    STANDS = "stands-already"
    NO_ID = "neither-prediction-nor-record"
    TWO_IDS = "prediction-and-record"
    UNKNOWN_MODEL = "unknown-model"
    OTHER_MODEL = "prediction-of-another-model"
    UNKNOWN_PREDICTION = "unknown-prediction"
    NO_RECORD = "prediction-without-a-record"
    IN_FUTURE = "known-in-the-future"
    TOO_EARLY = "known-before-2000"

    @property
    def is_held_back(self) -> bool:
        """Whether a rule held it back."""
        return self not in (Taken.RECORDED, Taken.STANDS)


@dataclass(frozen=True, slots=True)
class Reported:
    """What somebody reports.

    Attributes
    ----------
    model
        What the model predicts did, or did not, happen; may be left out beside a prediction.
    prediction_id, record
        Of which prediction, or of which record by the system's own id; one of the two.
    happened
        Whether it did.
    known_at
        From when on that was known, in UTC.
    """

    model: str | None
    happened: bool
    known_at: datetime
    prediction_id: str | None = None
    record: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Outcome:
    """The last word on a record."""

    happened: bool
    known_at: datetime
