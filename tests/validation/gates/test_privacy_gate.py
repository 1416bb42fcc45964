"""What the privacy gate says of attacks and of classes of patients, and that it points at nobody."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from validation.bootstrap import Draws
from validation.gates.privacy import NOT_ATTACKED, NOT_COUNTED, privacy
from validation.gates.result import Verdict
from validation.policy import load_policy
from validation.probed import Anonymity, Membership, Memorised, Probed

POLICY = load_policy("no-show")
COLUMNS = ("group_sex", "group_age")


@pytest.fixture
def checks_of(measured_of):
    def checks(**found):
        result = privacy(replace(measured_of(300), probed=Probed(**found)), POLICY)
        return {check.name: check for check in result.checks}

    return checks


def draws(estimate, error=0.01):
    replicates = estimate + error * np.random.default_rng(0).normal(size=(500, 1))
    return Draws(np.array([estimate]), np.array([estimate]), replicates)


class TestAnAttack:
    @pytest.mark.parametrize(
        ("name", "found", "limit"),
        [
            ("membership", lambda at: Membership(draws(at), 5_000), POLICY.gates.privacy.membership.value),
            ("memorised", lambda at: Memorised(draws(at), 500), POLICY.gates.privacy.memorised.value),
        ],
        ids=["membership", "memorised"],
    )
    def test_is_judged_on_its_bounds(self, checks_of, name, found, limit):
        for offset, verdict in [(-0.05, Verdict.PASSED), (0.0, Verdict.CANNOT_TELL), (0.05, Verdict.FAILED)]:
            check = checks_of(**{name: found(limit + offset)})[name]
            assert (check.verdict, check.threshold) == (verdict, limit)

    def test_that_was_not_made_cannot_tell(self, checks_of):
        found = checks_of()
        assert {found[name].reason for name in ("membership", "memorised")} == {NOT_ATTACKED}
        assert {check.verdict for check in found.values()} == {Verdict.CANNOT_TELL}

    def test_says_why_it_could_not_be_made(self, checks_of):
        assert checks_of(unavailable={"memorised": "no rows"})["memorised"].reason == "no rows"


class TestClassesOfPatients:
    def below(self, checks_of, patients, below, smallest=3):
        return checks_of(anonymity=Anonymity(COLUMNS, patients, below, smallest))["below_k"]

    def test_pass_at_the_ceiling_and_fail_above_it_without_an_interval_to_doubt(self, checks_of):
        ceiling = POLICY.gates.privacy.below_k.value
        at = self.below(checks_of, 10_000, round(10_000 * ceiling))
        above = self.below(checks_of, 10_000, round(10_000 * ceiling) + 1)
        assert (at.verdict, above.verdict) == (Verdict.PASSED, Verdict.FAILED)
        assert (above.estimate, above.n) == (0.0101, 10_000)

    def test_of_few_people_are_judged_and_not_counted_out(self, checks_of):
        few = self.below(checks_of, 100, 4)
        assert (few.verdict, few.estimate, few.bound, few.interval) == (Verdict.FAILED, None, None, None)
        assert "fewer than 11 of 100 patients" in few.reason

    def test_that_were_not_counted_cannot_tell(self, checks_of):
        assert checks_of()["below_k"].reason == NOT_COUNTED
        assert self.below(checks_of, 0, 0, 0).verdict is Verdict.CANNOT_TELL

    def test_say_nothing_of_a_small_class_but_that_it_is_small(self, checks_of):
        assert "smallest class has fewer than 11" in self.below(checks_of, 9_000, 30, 2).reason
        assert "smallest class has 25" in self.below(checks_of, 9_000, 0, 25).reason

    @given(st.data())
    def test_never_show_a_number_that_fewer_than_eleven_people_stand_behind(self, measured, data):
        patients = data.draw(st.integers(1, 200))
        below = data.draw(st.integers(0, patients))
        found = Probed(anonymity=Anonymity(COLUMNS, patients, below, 1))
        [check] = [each for each in privacy(replace(measured, probed=found), POLICY).checks if each.name == "below_k"]
        if 0 < min(below, patients - below) < POLICY.groups.suppress_under.value:
            assert (check.estimate, check.bound, check.interval) == (None, None, None)
            assert f"{below} of" not in check.reason.replace("fewer than 11 of", "")


@pytest.fixture(scope="module")
def measured(measured_of):
    return measured_of(300)
