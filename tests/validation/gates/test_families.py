"""Findings that belong together: bounds for all at once, and one line for what passed."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from validation.bootstrap import Draws
from validation.gates.families import family_bounds, worst_of
from validation.gates.result import Check, Verdict


def draws(values):
    replicates = np.asarray(values, dtype=float)[:, None]
    return Draws(replicates.mean(axis=0), replicates.mean(axis=0), replicates)


def check(name, verdict, estimate):
    return Check(name, verdict, estimate, estimate, 1.0, 10, 5, "said")


class TestBoundsOfAFamily:
    def test_widen_with_its_size(self):
        chance = np.random.default_rng(0)
        family = [draws(chance.normal(size=500)) for _ in range(20)]
        alone = family_bounds(family[:1], 0.95)
        together = family_bounds(family, 0.95)
        assert together[1][0] - together[0][0] > 1.2 * (alone[1][0] - alone[0][0])

    def test_of_what_no_draw_changes_are_the_value_itself(self):
        low, high = family_bounds([draws([0.0] * 50), draws(np.linspace(0, 1, 50))], 0.95)
        assert (low[0], high[0]) == (0.0, 0.0)
        assert low[1] < 0.5 < high[1]

    def test_of_what_does_not_exist_do_not_exist(self):
        half = Draws(np.array([0.5]), np.array([0.5]), np.array([[np.nan], [0.5]] * 25))
        low, high = family_bounds([draws([np.nan] * 50), half], 0.95)
        assert np.isnan([*low, *high]).all()

    @given(st.lists(st.floats(0, 1), min_size=2, max_size=30), st.integers(1, 5))
    def test_hold_the_value_between_them(self, values, size):
        low, high = family_bounds([draws(values)] * size, 0.95)
        assert (low <= np.mean(values) + 1e-12).all()
        assert (high >= np.mean(values) - 1e-12).all()


class TestOneLineForWhatPassed:
    def test_names_every_check_that_did_not_pass(self):
        checks = [check(f"a[{place}]", Verdict.FAILED, 2.0 + place) for place in range(5)]
        checks.append(check("a[open]", Verdict.CANNOT_TELL, 1.0))
        assert worst_of(checks, "fields") == tuple(checks)

    def test_stands_under_the_name_of_the_worst_and_names_the_next(self):
        checks = [check(f"a[{place}]", Verdict.PASSED, place / 10) for place in range(5)]
        (line,) = worst_of(checks, "fields")
        assert line.name == "a[4]"
        assert "the worst of 5 fields that pass: 4 0.4, 3 0.3, 2 0.2" in line.reason

    @pytest.mark.parametrize(("badness", "worst"), [(abs, "a[low]"), (float, "a[high]")])
    def test_worst_is_what_the_question_says(self, badness, worst):
        checks = [check("a[low]", Verdict.PASSED, -0.5), check("a[high]", Verdict.PASSED, 0.4)]
        assert worst_of(checks, "seeds", badness)[0].name == worst

    def test_of_nothing_is_nothing(self):
        assert worst_of([], "fields") == ()
