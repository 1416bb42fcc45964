from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.simulated import simulate
from validation.gates.result import Verdict
from validation.gates.usefulness import usefulness
from validation.measuring import measure
from validation.scored import ScoredRows
from validation.usefulness import decision_curve, judged_thresholds

thresholds = st.floats(0.01, 0.9)
pairs = st.lists(st.tuples(st.booleans(), st.floats(0, 1)), min_size=1, max_size=50)


def rows_of(pairs):
    label, score = (np.array(column) for column in zip(*pairs, strict=True))
    return ScoredRows(label, score, np.arange(len(label)))


def checks(measured, policy):
    return {item.name: item for item in usefulness(measured, policy).checks}


@pytest.fixture(scope="module")
def shuffled(policy):
    rows = simulate(10_000, seed=7)
    scores = np.random.default_rng(0).permutation(rows.score)
    return checks(measure(replace(rows, score=scores), policy), policy)


class TestTheDecisionCurve:
    @settings(max_examples=200, deadline=None)
    @given(pairs=pairs, at=thresholds)
    def test_is_outcomes_reached_less_acts_in_vain_at_the_threshold_s_odds(self, pairs, at):
        rows = rows_of(pairs)
        reached = sum(label and score >= at for label, score in pairs)
        in_vain = sum(not label and score >= at for label, score in pairs)
        expected = reached / rows.n - in_vain / rows.n * at / (1 - at)
        assert decision_curve(rows, np.array([at])).net_benefit[0] == pytest.approx(expected, abs=1e-12)

    @given(pairs=pairs, at=thresholds)
    def test_of_a_score_that_acts_on_all_is_that_of_acting_on_all(self, pairs, at):
        rows = rows_of([(label, 1.0) for label, _ in pairs])
        curve = decision_curve(rows, np.array([at]))
        assert curve.net_benefit == pytest.approx(curve.act_on_all)

    @given(pairs=pairs, at=thresholds)
    def test_is_never_above_that_of_foresight(self, pairs, at):
        rows = rows_of(pairs)
        foreseen = replace(rows, score=rows.label.astype(float))
        one = np.array([at])
        assert decision_curve(rows, one).net_benefit <= decision_curve(foreseen, one).net_benefit + 1e-12


class TestWhatIsMeasured:
    def test_is_the_curve_at_the_policy_s_thresholds(self, policy):
        rows = simulate(3000, seed=2)
        found, curve = measure(rows, policy).usefulness, decision_curve(rows, judged_thresholds(policy))
        assert found.net_benefit.sample == pytest.approx(curve.net_benefit)
        assert found.act_on_all.sample == pytest.approx(curve.act_on_all)

    def test_covers_both_ends_of_the_range(self, policy):
        limits = policy.gates.usefulness
        asked = judged_thresholds(policy)
        assert (asked[0], asked[-1], len(asked)) == (limits.thresholds.low, limits.thresholds.high, limits.points.value)

    def test_counts_acts_for_each_outcome_that_they_reach(self, measured_of):
        measured, rows = measured_of(8000), simulate(8000, seed=7)
        expected = measured.flagged.sum() / (measured.flagged & rows.label).sum()
        assert measured.usefulness.acts_per_outcome.sample[0] == pytest.approx(expected)


class TestAUsefulScore:
    def test_passes(self, measured_of, policy):
        assert usefulness(measured_of(30_000), policy).verdict is Verdict.PASSED


class TestAScoreThatOrdersNothing:
    def test_is_worth_less_than_acting_on_nobody(self, shuffled):
        assert shuffled["net_benefit[0.25]"].verdict is Verdict.FAILED


class TestAScoreThatOrdersTheWrongWayRound:
    def test_takes_too_many_acts_for_each_outcome_prevented(self, policy):
        rows = simulate(5000, seed=7)
        found = checks(measure(replace(rows, score=1 - rows.score), policy), policy)
        assert found["acts_per_prevented"].verdict is Verdict.FAILED


class TestScoresThatAreFarTooHigh:
    def test_are_worth_less_than_acting_on_nobody_however_well_they_order(self, policy):
        rows = simulate(10_000, seed=7)
        logit = np.log(rows.score / (1 - rows.score)) + 2.5
        found = checks(measure(replace(rows, score=1 / (1 + np.exp(-logit))), policy), policy)
        assert found["net_benefit[0.35]"].verdict is Verdict.FAILED
        assert found["acts_per_prevented"].verdict is Verdict.PASSED


class TestTooFewRows:
    def test_say_nothing_either_way(self, measured_of, policy):
        assert {item.verdict for item in checks(measured_of(300), policy).values()} == {Verdict.CANNOT_TELL}
