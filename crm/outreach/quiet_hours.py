"""Quiet hours: whether a patient sleeps where they are, and when that changes; right when clocks are put on or back."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from crm.outreach.policy import QuietHours

STEP = timedelta(minutes=5)
"""Quiet hours begin and end, and clocks are put, on whole five minutes."""
FARTHEST = timedelta(hours=48)
"""Beyond every change: the longest jump of any zone's clocks is a day."""


def is_quiet(moment: datetime, zone: ZoneInfo, hours: QuietHours) -> bool:
    """Tell whether the clock on the wall in `zone` stands within `hours` at `moment`."""
    shown = moment.astimezone(zone).time()
    return shown >= hours.begin or shown < hours.end


def next_change(moment: datetime, zone: ZoneInfo, hours: QuietHours) -> datetime:
    """Return the first moment after `moment`, in UTC, at which it gets quiet or ends to be.

    It is looked for on the wall's own clock, five minutes at a time: an hour that is left out or comes twice is no
    special case so.
    """
    quiet = is_quiet(moment, zone, hours)
    return next(later for later in _later(moment) if is_quiet(later, zone, hours) != quiet)


def _later(moment: datetime) -> Iterator[datetime]:
    start = moment.astimezone(UTC)
    at = start.replace(minute=start.minute - start.minute % 5, second=0, microsecond=0)
    while at < start + FARTHEST:
        at += STEP
        yield at


@lru_cache(maxsize=1024)
def open_hours(moment: datetime, zone: ZoneInfo, hours: QuietHours) -> tuple[datetime, datetime]:
    """Return from when on, and until when, a patient in `zone` may be contacted next; from `moment` on where now."""
    begin = next_change(moment, zone, hours) if is_quiet(moment, zone, hours) else moment.astimezone(UTC)
    return begin, next_change(begin, zone, hours)
