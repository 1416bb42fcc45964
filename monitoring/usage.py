"""How much clients asked, hour by hour, as the table of predictions tells it."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta

from sqlalchemy import Engine, distinct, func, select

from governance.schema import predictions
from monitoring.extraction import DAY, HOUR, Past, Usage


def usage_between(engine: Engine, since: datetime, until: datetime) -> dict[str, Usage]:
    """Return the usage of each client that asked from `since` on and before `until`."""
    rows = predictions.c
    query = select(rows.client, func.count(), func.count(distinct(rows.patient)))
    query = query.where(rows.at >= since, rows.at < until).group_by(rows.client)
    with engine.connect() as connection:
        return {client: Usage(questions, patients) for client, questions, patients in connection.execute(query)}


@dataclass
class Calendar:
    """What clients asked in the hours and days that are over, each counted once and kept.

    Attributes
    ----------
    engine
        The governance database.
    days
        How far back it goes.
    """

    engine: Engine
    days: int
    _hours: dict[str, dict[datetime, Usage]] = field(default_factory=lambda: defaultdict(dict))
    _days: dict[str, dict[date, int]] = field(default_factory=lambda: defaultdict(dict))
    _hours_until: datetime | None = None
    _days_until: datetime | None = None

    def bring_up_to(self, now: datetime) -> None:
        """Count every hour that ended an hour before `now` or earlier, and every day that did."""
        hour = (now - HOUR).replace(minute=0, second=0, microsecond=0)
        day = hour.replace(hour=0)
        first = self._first(now)
        at = max(self._hours_until or first, first)
        while at < hour:
            for client, usage in usage_between(self.engine, at, at + HOUR).items():
                self._hours[client][at] = usage
            at += HOUR
        self._hours_until, at = hour, max(self._days_until or first, first).replace(hour=0)
        while at < day:
            for client, usage in usage_between(self.engine, at, at + DAY).items():
                self._days[client][at.date()] = usage.patients
            at += DAY
        self._days_until = day
        self._forget(now - timedelta(days=self.days + 2))

    def past(self, client: str) -> Past:
        """Return what one client asked before."""
        assert self._hours_until is not None  # noqa: S101  it was brought up to some moment
        return Past(self._hours.get(client, {}), self._days.get(client, {}), self._hours_until)

    def _first(self, now: datetime) -> datetime:
        earliest = (now - timedelta(days=self.days + 1)).replace(hour=0, minute=0, second=0, microsecond=0)
        query = select(func.min(predictions.c.at)).where(predictions.c.at > earliest)
        with self.engine.connect() as connection:
            found = connection.scalar(query)
        moment = found or now
        moment = moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)  # SQLite keeps no zone
        return moment.replace(minute=0, second=0, microsecond=0)

    def _forget(self, before: datetime) -> None:
        for hours in self._hours.values():
            for hour in [at for at in hours if at < before]:
                del hours[hour]
        for days in self._days.values():
            for day in [at for at in days if at < before.date()]:
                del days[day]
