"""Quiet hours hold in every zone, on the nights too in which the clocks are put on or back."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo, available_timezones

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crm.outreach.policy import QuietHours, load_outreach_policy
from crm.outreach.quiet_hours import is_quiet, next_change, open_hours

HOURS = load_outreach_policy().quiet_hours
MOMENTS = st.datetimes(datetime(2010, 1, 1), datetime(2040, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001
ZONES = st.sampled_from(sorted(available_timezones()))


def hours(begin: str, end: str) -> QuietHours:
    return QuietHours(begin=begin, end=end, reason="made up for this test", changed_by="reviewer")


class TestWhetherItIsQuiet:
    @pytest.mark.parametrize(
        ("local", "quiet"),
        [("20:59", False), ("21:00", True), ("23:59", True), ("00:00", True), ("07:59", True), ("08:00", False)],
    )
    @pytest.mark.parametrize("zone", ["America/Sao_Paulo", "Asia/Kathmandu", "Pacific/Auckland"])
    def test_goes_by_the_patients_own_clock(self, zone, local, quiet):
        moment = datetime.fromisoformat(f"2026-05-11T{local}").replace(tzinfo=ZoneInfo(zone))
        assert is_quiet(moment.astimezone(UTC), ZoneInfo(zone), HOURS) is quiet


class TestWhenItChanges:
    @settings(max_examples=300, deadline=None)
    @given(MOMENTS, ZONES)
    def test_nothing_changes_before_and_everything_at_that_moment(self, moment, name):
        zone = ZoneInfo(name)
        change = next_change(moment, zone, HOURS)
        quiet = is_quiet(moment, zone, HOURS)
        assert change > moment
        assert is_quiet(change, zone, HOURS) is not quiet
        span = int((change - moment) / timedelta(minutes=1))
        assert all(is_quiet(moment + timedelta(minutes=past), zone, HOURS) is quiet for past in range(0, span, 7))

    @settings(max_examples=200, deadline=None)
    @given(MOMENTS, ZONES)
    def test_nobody_is_contacted_outside_of_open_hours(self, moment, name):
        zone = ZoneInfo(name)
        begin, end = open_hours(moment, zone, HOURS)
        assert moment <= begin < end
        assert not is_quiet(begin, zone, HOURS)
        assert is_quiet(end, zone, HOURS)

    def test_an_hour_that_is_left_out_ends_the_night_early(self):
        zone = ZoneInfo("Europe/Berlin")  # 02:00 becomes 03:00 on 2026-03-29, at 01:00 UTC
        night = datetime(2026, 3, 29, 0, 30, tzinfo=UTC)
        assert next_change(night, zone, hours("21:00", "02:30")) == datetime(2026, 3, 29, 1, 0, tzinfo=UTC)

    def test_an_hour_that_comes_twice_is_quiet_twice(self):
        zone = ZoneInfo("Europe/Berlin")  # 03:00 becomes 02:00 on 2026-10-25, at 01:00 UTC
        early = hours("21:00", "02:30")
        first = next_change(datetime(2026, 10, 24, 22, tzinfo=UTC), zone, early)
        again = next_change(first, zone, early)
        assert (first, again) == (datetime(2026, 10, 25, 0, 30, tzinfo=UTC), datetime(2026, 10, 25, 1, 0, tzinfo=UTC))
        assert next_change(again, zone, early) == datetime(2026, 10, 25, 1, 30, tzinfo=UTC)
