"""Moments as people write them: with a zone, or a day that is over."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta

from caregate.errors import BadInput
from registry.policy import end_of

DAY = re.compile(r"\d{4}-\d{2}-\d{2}")
FORM = "write it as 2026-05-04T12:00:00Z or 2026-05-04T14:00:00+02:00, or a day such as 2026-05-04 for its end in UTC"


class MomentUnfit(BadInput):
    """Something was asked about a moment of which nothing can be said."""


def read_moment(text: str, *, now: datetime, first: datetime | None) -> datetime:
    """Return the moment that `text` names, in UTC; of a day its end.

    Parameters
    ----------
    text
        ISO 8601.
    now
        What lies after it has not happened.
    first
        When the ledger begins; None where it is empty.

    Raises
    ------
    MomentUnfit
        If it is no moment, has no zone, lies ahead, or before the ledger begins.
    """
    moment = _moment(text.strip())
    if moment > now:
        raise MomentUnfit("that moment lies ahead: nothing can be said of it yet; a day has to be over in UTC")
    if first is None or moment < first:
        since = f": it begins at {written(first)}" if first else ""
        raise MomentUnfit(f"that moment lies before this home's ledger{since}")
    return moment


def written(moment: datetime) -> str:
    """Return a moment as people read it."""
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"


def _moment(text: str) -> datetime:
    try:
        if DAY.fullmatch(text):
            return end_of(date.fromisoformat(text)) - timedelta(microseconds=1)
        moment = datetime.fromisoformat(text)
        if moment.tzinfo is None:
            raise MomentUnfit(f"that moment has no zone: {FORM}")
        return moment.astimezone(UTC)
    except (ValueError, OverflowError):
        raise MomentUnfit(f"that is no moment: {FORM}") from None
