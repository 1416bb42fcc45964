"""What the leakage gate says of rows that were built again, and of rows that the sides of a split hold."""

from __future__ import annotations

from dataclasses import replace

import pytest

from validation.gates.leakage import NOT_REBUILT, leakage
from validation.gates.result import Verdict
from validation.parts import Overlap
from validation.probed import Probed, Rebuilt

STEPS = ("unavailable_features", "own_outcome", "later_rows")
N = 2_000


@pytest.fixture
def measured(measured_of):
    return measured_of(N)


@pytest.fixture
def checks_of(measured, policy):
    def checks(rebuilt=None, overlap=None, unavailable=None):
        probed = Probed(rebuilt=rebuilt, unavailable=unavailable or {})
        found = leakage(replace(measured, probed=probed, overlap=overlap), policy)
        return {check.name: check for check in found.checks}

    return checks


class TestRowsBuiltAgain:
    def test_without_a_difference_pass(self, checks_of, policy):
        rows = policy.gates.leakage.rebuilt_rows.value
        found = checks_of(Rebuilt(rows, {}, {}, {}))
        assert {found[name].verdict for name in STEPS} == {Verdict.PASSED}

    @pytest.mark.parametrize("place", range(3))
    def test_with_a_difference_fail_in_their_step_and_name_the_features(self, checks_of, place):
        steps = [{}, {}, {}]
        steps[place] = {"miss_rate": 40, "age": 12}
        found = checks_of(Rebuilt(800, *steps))
        assert {name for name in STEPS if found[name].verdict is Verdict.FAILED} == {STEPS[place]}
        check = found[STEPS[place]]
        assert (check.estimate, check.n) == (40 / 800, 800)
        assert "40 of 800 rows: age, miss_rate" in check.reason

    def test_with_one_difference_fail_without_saying_how_few(self, checks_of):
        check = checks_of(Rebuilt(800, {}, {"age": 1}, {}))["own_outcome"]
        assert (check.verdict, check.estimate, check.bound, check.interval) == (Verdict.FAILED, None, None, None)
        assert "fewer than 11 of 800 rows" in check.reason

    def test_that_are_too_few_cannot_tell_that_none_would_differ(self, checks_of):
        found = checks_of(Rebuilt(90, {}, {}, {"age": 90}))
        assert found["own_outcome"].verdict is Verdict.CANNOT_TELL
        assert found["later_rows"].verdict is Verdict.FAILED

    def test_that_are_all_there_are_suffice(self, measured_of, policy):
        few = measured_of(300)
        found = leakage(replace(few, probed=Probed(rebuilt=Rebuilt(300, {}, {}, {}))), policy)
        assert {check.verdict for check in found.checks if check.name in STEPS} == {Verdict.PASSED}

    @pytest.mark.parametrize(("unavailable", "why"), [({}, NOT_REBUILT), ({"rebuilt": "no table"}, "no table")])
    def test_that_were_not_made_cannot_tell_and_say_why(self, checks_of, unavailable, why):
        found = checks_of(unavailable=unavailable)
        assert {(found[name].verdict, found[name].reason) for name in STEPS} == {(Verdict.CANNOT_TELL, why)}


class TestRowsThatRepeat:
    def overlap(self, **counts):
        return Overlap(
            **{"split": "time", "shared_patients": 0, "test_patients": 900, "identical_rows": 0}
            | {"test_rows": 1_000, "duplicate_rows": 0}
            | counts
        )

    @pytest.mark.parametrize("name", ["identical_rows", "duplicate_rows"])
    def test_fail_above_their_ceiling_and_pass_at_it(self, checks_of, policy, name):
        ceiling = getattr(policy.gates.leakage, name).value
        at, above = round(ceiling * 1_000), round(ceiling * 1_000) + 1
        assert checks_of(overlap=self.overlap(**{name: at}))[name].verdict is Verdict.PASSED
        assert checks_of(overlap=self.overlap(**{name: above}))[name].verdict is Verdict.FAILED

    def test_are_not_judged_where_the_sides_were_not_given(self, checks_of):
        found = checks_of()
        assert {found[name].verdict for name in ("identical_rows", "duplicate_rows")} == {Verdict.CANNOT_TELL}
