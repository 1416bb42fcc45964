from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from registry.server.throttle import MINUTE, Throttle

START = datetime(2026, 11, 22, 12, tzinfo=UTC)
MOMENTS = st.lists(st.integers(0, 300), min_size=1, max_size=200).map(sorted)


def at(second: int) -> datetime:
    return START + timedelta(seconds=second)


class TestAThrottle:
    @given(MOMENTS, st.integers(1, 5))
    def test_buries_nothing_and_forgets_nothing(self, seconds: list[int], per_minute: int) -> None:
        throttle = Throttle(per_minute)
        answers = [throttle.admit("rita", at(second)) for second in seconds]
        said = [answer for answer in answers if answer is not None]
        minutes = (seconds[-1] - seconds[0]) // MINUTE.seconds + 1
        assert 0 < len(said) <= per_minute * minutes
        unsaid_at_the_end = len(answers) - 1 - max(i for i, answer in enumerate(answers) if answer is not None)
        assert len(said) + sum(said) + unsaid_at_the_end == len(seconds)

    def test_lets_nobody_speak_for_another(self) -> None:
        throttle = Throttle(1)
        assert [throttle.admit(who, START) for who in ("rita", "rita", "ron")] == [0, None, 0]
        assert throttle.admit("rita", START + MINUTE) == 1
