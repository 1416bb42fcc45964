"""Whether a client asks as it always did: how much, at which hours and of how many patients, by its own past.

The usual is the median of hours, or days, of the same kind, and its spread the median absolute deviation, scaled to the
standard deviation of a normal distribution (Rousseeuw and Croux 1993): an earlier sweep moves neither. Counts scatter
by chance as well, at least by the root of the usual (Poisson).
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum
from statistics import median

from monitoring.access_limits import ExtractionLimits

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
TO_DEVIATION = 1.4826
"""The median absolute deviation of a normal distribution times this is its standard deviation."""
SATURDAY = 5


class Measure(StrEnum):
    """What was unusual."""

    VOLUME = "volume"
    NIGHT = "night"
    BREADTH = "breadth"


@dataclass(frozen=True, slots=True)
class Usage:
    """Questions of a time, and the different patients in them."""

    questions: int
    patients: int


@dataclass(frozen=True, slots=True)
class Past:
    """What a client asked before.

    Attributes
    ----------
    hours
        Usage by the hour's start in UTC; an hour without questions may be left out.
    days
        Different patients by day in UTC.
    until
        The end of the last hour that is told of.
    """

    hours: Mapping[datetime, Usage]
    days: Mapping[date, int]
    until: datetime

    @property
    def since(self) -> datetime:
        """The first hour in which it asked anything."""
        return min((hour for hour, usage in self.hours.items() if usage.questions), default=self.until)


@dataclass(frozen=True, slots=True)
class Unusual:
    """What a client did that it never does.

    Attributes
    ----------
    measure
        What it is about.
    found, usual, limit
        The count, what it usually is, and from which on it is unusual.
    what
        In words, such as ``patients in a day``.
    """

    measure: Measure
    found: int
    usual: float
    limit: float
    what: str


def judge(last_hour: Usage, day_patients: int, past: Past, now: datetime, limits: ExtractionLimits) -> list[Unusual]:
    """Return what is unusual about the hour and the day that end now.

    Parameters
    ----------
    last_hour
        Questions and patients of the sixty minutes until `now`.
    day_patients
        Different patients of the twenty-four hours until `now`.
    past
        Of the client, before these.
    now
        The moment of judging, in UTC.
    limits
        The policy's.
    """
    if now - past.since < timedelta(days=limits.least_days):
        return _newcomer(last_hour, day_patients, limits)
    asked, seen = _usual_hours(past, now, limits, patients=False), _usual_hours(past, now, limits, patients=True)
    days = _usual_days(past, now, limits)
    least = limits.least
    day = _unusual(Measure.BREADTH, day_patients, days, least.day_patients, "patients in a day")
    if asked[0] < 1:
        silent = asked[0], float(least.silent_hour_questions)
        found = [_unusual(Measure.NIGHT, last_hour.questions, silent, 0, "questions in an hour that is usually silent")]
    else:
        found = [
            _unusual(Measure.VOLUME, last_hour.questions, asked, least.hour_questions, "questions in an hour"),
            _unusual(Measure.BREADTH, last_hour.patients, seen, least.hour_patients, "patients in an hour"),
        ]
    return [item for item in (*found, day) if item]


def _newcomer(last_hour: Usage, day_patients: int, limits: ExtractionLimits) -> list[Unusual]:
    most = limits.newcomer
    volume = _unusual(Measure.VOLUME, last_hour.questions, (0.0, 0.0), most.hour_questions, "questions in an hour")
    breadth = _unusual(Measure.BREADTH, day_patients, (0.0, 0.0), most.day_patients, "patients in a day")
    return [item for item in (volume, breadth) if item]


def _unusual(measure: Measure, found: int, past: tuple[float, float], least: int, what: str) -> Unusual | None:
    usual, limit = past[0], max(past[1], float(least))
    return Unusual(measure, found, usual, limit, what) if found > limit else None


def _usual_hours(past: Past, now: datetime, limits: ExtractionLimits, *, patients: bool) -> tuple[float, float]:
    """Look an hour to each side as well: clinics change their clocks, and jobs start late."""
    this, since = now.replace(minute=0, second=0, microsecond=0), past.since
    samples = []
    for hour in (this + step * HOUR for step in (-2, -1, 0, 1)):
        earlier = [hour - back * DAY for back in range(1, limits.past_days + 1)]
        known = [moment for moment in earlier if since <= moment and moment + HOUR <= past.until]
        counts = {at: past.hours.get(at, Usage(0, 0)) for at in known}
        values = {at: usage.patients if patients else usage.questions for at, usage in counts.items()}
        samples += _of_kind(hour.date(), {at: float(value) for at, value in values.items()})
    return _usual(samples, limits)


def _usual_days(past: Past, now: datetime, limits: ExtractionLimits) -> tuple[float, float]:
    samples, since = [], past.since.date()
    for day in (now.date(), (now - DAY).date()):
        earlier = [day - back * DAY for back in range(1, limits.past_days + 1)]
        known = {at: float(past.days.get(at, 0)) for at in earlier if since <= at < past.until.date()}
        samples += _of_kind(day, known)
    return _usual(samples, limits)


def _of_kind(day: date, values: Mapping[datetime, float] | Mapping[date, float]) -> list[list[float]]:
    """Return the values of working days or of weekends, as `day` is one, and those of the same day of the week."""
    alike = [value for at, value in values.items() if (at.weekday() >= SATURDAY) == (day.weekday() >= SATURDAY)]
    same = [value for at, value in values.items() if at.weekday() == day.weekday()]
    return [sample for sample in (alike, same) if sample]


def _usual(samples: Iterable[Sequence[float]], limits: ExtractionLimits) -> tuple[float, float]:
    """Return the largest median of the samples, and the largest count that any of them still lets pass."""
    usual, limit = 0.0, 0.0
    for values in samples:
        centre = median(values)
        spread = TO_DEVIATION * median(abs(value - centre) for value in values)
        scale = max(spread, math.sqrt(centre), limits.least_spread * centre)
        usual, limit = max(usual, centre), max(limit, centre + limits.deviations * scale)
    return usual, limit
