"""A client is judged by its own past: its rhythm raises nothing, a sweep of patients does."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monitoring.extraction import DAY, HOUR, Measure, Past, Usage, judge
from monitoring.policy import load_monitoring_policy

LIMITS = load_monitoring_policy().extraction
MONDAY = datetime(2026, 3, 2, tzinfo=UTC)
"""The first Monday that is judged; 29 March, when many clocks change, lies in the weeks after it."""


class Client:
    """A made-up client: so many questions an hour by its rhythm, each about as many patients as its day has."""

    def __init__(
        self,
        seed: int,
        *,
        a_day: float,
        opens: int,
        weekend: float = 0.0,
        spread: float = 0.3,
        batch: tuple[int, int, int] | None = None,
    ):
        self._chance = np.random.default_rng(seed)
        self._a_day, self._opens, self._weekend, self._spread, self._batch = a_day, opens, weekend, spread, batch
        self.hours: dict[datetime, Usage] = {}

    def live(self, since: datetime, days: int) -> None:
        for back in range(days):
            day = since + back * DAY
            share = self._weekend if day.weekday() >= 5 else 1.0
            busy = self._a_day * share * self._chance.gamma(1 / self._spread**2, self._spread**2)
            for hour in range(24):
                rate = busy / 9 if self._opens <= hour < self._opens + 9 else 0.0
                questions = int(self._chance.poisson(rate))
                if self._batch and (day.weekday(), hour) == self._batch[:2]:
                    questions += int(self._batch[2] * self._chance.uniform(0.8, 1.2))
                if questions:
                    self.hours[day + hour * HOUR] = Usage(questions, max(1, int(questions * 0.8)))

    def past(self, until: datetime) -> Past:
        hours = {hour: usage for hour, usage in self.hours.items() if hour + HOUR <= until}
        days: dict = {}
        for hour, usage in hours.items():
            days[hour.date()] = days.get(hour.date(), 0) + usage.patients
        return Past(hours, days, until)

    def judged(self, end: datetime) -> list:
        """What is found at the end of an hour."""
        hour = end - HOUR
        of_day = sum(self.hours.get(end - back * HOUR, Usage(0, 0)).patients for back in range(1, 25))
        return judge(self.hours.get(hour, Usage(0, 0)), of_day, self.past(hour), end, LIMITS)


class TestARhythm:
    @settings(max_examples=25, deadline=None)
    @given(
        seed=st.integers(0, 2**32 - 1),
        a_day=st.floats(20, 20_000),
        opens=st.integers(0, 14),
        weekend=st.floats(0, 1.2),
        spread=st.floats(0.02, 0.3),
    )
    def test_of_working_days_and_weekends_raises_no_alarm(self, seed, a_day, opens, weekend, spread):
        client = Client(seed, a_day=a_day, opens=opens, weekend=weekend, spread=spread)
        client.live(MONDAY - 21 * DAY, 28)
        alarms = [item for hour in range(7 * 24) for item in client.judged(MONDAY + (hour + 1) * HOUR)]
        assert alarms == []

    @pytest.mark.parametrize("batch", [(0, 6, 20_000), (6, 2, 3_000), (4, 23, 800)])
    def test_a_weekly_batch_raises_none_either(self, batch):
        client = Client(5, a_day=400, opens=8, batch=batch)
        client.live(MONDAY - 28 * DAY, 35)
        assert [item for hour in range(7 * 24) for item in client.judged(MONDAY + (hour + 1) * HOUR)] == []

    def test_nor_does_the_change_of_clocks(self):
        client = Client(6, a_day=2_000, opens=8)
        client.live(MONDAY, 27)
        client._opens = 7
        client.live(MONDAY + 27 * DAY, 8)
        alarms = [item for hour in range(7 * 24) for item in client.judged(MONDAY + 28 * DAY + (hour + 1) * HOUR)]
        assert alarms == []

    def test_nor_does_the_day_after_holidays(self):
        client = Client(7, a_day=2_000, opens=8, spread=0.1)
        client.live(MONDAY - 28 * DAY, 28)
        closed = [hour for hour in client.hours if hour >= MONDAY - 4 * DAY]
        for hour in closed:
            del client.hours[hour]
        client._a_day = 3_600
        client.live(MONDAY, 1)
        assert [item for hour in range(24) for item in client.judged(MONDAY + (hour + 1) * HOUR)] == []


class TestASweep:
    @settings(max_examples=25, deadline=None)
    @given(seed=st.integers(0, 2**32 - 1), a_day=st.floats(60, 5_000), minutes=st.integers(1, 59))
    def test_of_ten_times_the_usual_at_night_is_found_at_once(self, seed, a_day, minutes):
        client = Client(seed, a_day=a_day, opens=8)
        client.live(MONDAY - 21 * DAY, 23)
        now = MONDAY + 2 * DAY + timedelta(hours=2, minutes=minutes)
        sweep = int(10 * a_day / 9)
        found = judge(Usage(sweep, sweep), sweep, client.past(now.replace(minute=0) - HOUR), now, LIMITS)
        assert Measure.NIGHT in {item.measure for item in found}

    def test_by_day_is_found_by_volume_and_breadth(self):
        client = Client(1, a_day=900, opens=8)
        client.live(MONDAY - 21 * DAY, 22)
        now = MONDAY + DAY + timedelta(hours=11)
        found = judge(Usage(2_000, 2_000), 2_000, client.past(now - HOUR), now, LIMITS)
        assert {item.measure for item in found} == {Measure.VOLUME, Measure.BREADTH}
        assert all(item.usual < item.limit < item.found for item in found)

    def test_that_goes_slowly_is_found_by_the_patients_of_a_day(self):
        client = Client(2, a_day=450, opens=8)
        client.live(MONDAY - 21 * DAY, 22)
        now = MONDAY + DAY + timedelta(hours=17)
        (found,) = judge(Usage(150, 150), 3_000, client.past(now - HOUR), now, LIMITS)
        assert (found.measure, found.what) == (Measure.BREADTH, "patients in a day")

    def test_of_last_week_does_not_make_the_next_one_usual(self):
        client = Client(3, a_day=900, opens=8)
        client.live(MONDAY - 28 * DAY, 29)
        night = MONDAY + DAY + 2 * HOUR
        for week in (1,):
            client.hours[night - 7 * week * DAY] = Usage(10_000, 10_000)
        now = night + timedelta(minutes=50)
        assert judge(Usage(1_000, 1_000), 1_000, client.past(night - HOUR), now, LIMITS)


class TestANewcomer:
    def test_is_held_to_the_policys_own_limits(self):
        client = Client(4, a_day=900, opens=8)
        client.live(MONDAY - 3 * DAY, 4)
        now = MONDAY + 3 * HOUR
        most = LIMITS.newcomer.hour_questions
        assert judge(Usage(most, 100), 100, client.past(now - HOUR), now, LIMITS) == []
        (found,) = judge(Usage(most + 1, 100), 100, client.past(now - HOUR), now, LIMITS)
        assert found.measure is Measure.VOLUME

    def test_without_any_past_as_well(self):
        most = LIMITS.newcomer.day_patients
        (found,) = judge(Usage(1, 1), most + 1, Past({}, {}, MONDAY), MONDAY, LIMITS)
        assert found.measure is Measure.BREADTH
