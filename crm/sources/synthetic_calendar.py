"""The synthetic calendar: working days, how busy they are and what a day adds to the chance of a no-show."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np

from crm.sources.synthetic_draws import Floats, Ints

EPOCH = date(1970, 1, 1)


@dataclass(frozen=True)
class Calendar:
    """Working days by number.

    Attributes
    ----------
    days
        Days since 1970, shape (working days,).
    effects
        What each day adds to the log-odds of a no-show, shape (working days,).
    window
        Working days between a patient's first and last appointment, at most.
    shares
        Of the first appointments by day of the window.
    """

    days: Ints
    effects: Floats
    window: int
    shares: Floats


def draw_calendar(given: Mapping[str, Any], rows: int, rng: np.random.Generator) -> Calendar:
    """Return the working days for `rows` appointments.

    Past the size of the real set its weeks are repeated backwards from the last day, so that nothing lies in the
    future; past ``most_periods`` of them the days fill up instead.
    """
    offsets = np.asarray(given["offsets"], dtype=np.int64)
    window = len(offsets)
    count = round(window * float(np.clip(rows / given["rows"], 1.0, given["most_periods"])))
    number = np.arange(-count, 0)
    last = (date.fromisoformat(given["last_day"]) - EPOCH).days
    days = last - offsets[-1] + given["period_days"] * (number // window + 1) + offsets[number % window]
    return Calendar(days, rng.normal(0.0, given["effect_sd"], len(days)), window, np.asarray(given["shares"]))


def weekday(day: Ints) -> Ints:
    """Return 0 for Monday to 6 for Sunday of days since 1970, which began on a Thursday."""
    return (day + 3) % 7
