import math

from hypothesis import assume, given
from hypothesis import strategies as st

from validation.gates.decide import Found, at_least, at_most, within
from validation.gates.result import GateResult, Verdict

numbers = st.floats(-1, 1, allow_nan=False)


def found(estimate, low, high):
    return Found("auc", estimate, low, high, 100, 50)


@st.composite
def intervals(draw):
    low, estimate, high = sorted(draw(st.tuples(numbers, numbers, numbers)))
    return found(estimate, low, high)


class TestAVerdict:
    @given(item=intervals(), limit=numbers)
    def test_passes_only_if_the_whole_interval_does(self, item, limit):
        assert (at_least(item, limit, "why").verdict is Verdict.PASSED) == (item.low >= limit)
        assert (at_most(item, limit, "why").verdict is Verdict.PASSED) == (item.high <= limit)

    @given(item=intervals(), limit=numbers)
    def test_fails_only_if_the_whole_interval_does(self, item, limit):
        assert (at_least(item, limit, "why").verdict is Verdict.FAILED) == (item.high < limit)
        assert (at_most(item, limit, "why").verdict is Verdict.FAILED) == (item.low > limit)

    @given(item=intervals(), limit=numbers, more=st.floats(0, 1))
    def test_never_turns_from_open_to_decided_when_the_interval_widens(self, item, limit, more):
        wider = found(item.estimate, item.low - more, item.high + more)
        for hold in (at_least, at_most):
            if hold(item, limit, "why").verdict is Verdict.CANNOT_TELL:
                assert hold(wider, limit, "why").verdict is Verdict.CANNOT_TELL

    @given(item=intervals(), limit=numbers)
    def test_is_decided_on_a_bound_that_lies_on_the_side_that_matters(self, item, limit):
        below = at_least(item, limit, "why")
        right = item.high if below.verdict is Verdict.FAILED else item.low
        assert math.isclose(below.bound, right, rel_tol=1e-5, abs_tol=1e-12)

    @given(item=intervals(), low=numbers, high=numbers)
    def test_of_a_range_is_the_worse_of_its_ends(self, item, low, high):
        assume(low < high)
        ends = [at_least(item, low, "why"), at_most(item, high, "why")]
        assert within(item, low, high, "why").verdict is GateResult("x", tuple(ends)).verdict

    def test_without_bounds_cannot_tell(self):
        assert at_least(found(0.9, math.nan, math.nan), 0.5, "why").verdict is Verdict.CANNOT_TELL


class TestAGate:
    def test_with_no_check_at_all_cannot_tell(self):
        assert GateResult("x", ()).verdict is Verdict.CANNOT_TELL
