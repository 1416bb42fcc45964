from dataclasses import replace

import numpy as np
import pytest

from benchmarks.simulated import simulate
from validation.gates.champion import ALONE, champion
from validation.gates.result import Verdict
from validation.measuring import measure
from validation.probed import Probed


def against(rows, policy, scores):
    return measure(replace(rows, champion=scores), policy)


def worse(rows, noise, seed=0):
    logit = np.log(rows.score / (1 - rows.score))
    return 1 / (1 + np.exp(-(logit + np.random.default_rng(seed).normal(0, noise, rows.n))))


@pytest.fixture(scope="module")
def rows():
    return simulate(8000, seed=7)


@pytest.fixture(scope="module")
def against_itself(rows, policy):
    return against(rows, policy, rows.score)


@pytest.fixture(scope="module")
def checks_of_a_worse_one(rows, policy):
    measured = against(replace(rows, score=worse(rows, 1.5)), policy, rows.score)
    return {item.name: item for item in champion(measured, policy).checks}


class TestNoVersionInUse:
    def test_is_none_to_compare_with(self, measured_of, policy):
        only = champion(measured_of(2000), policy).checks
        assert [(item.verdict, item.reason) for item in only] == [(Verdict.PASSED, ALONE)]

    def test_that_cannot_be_used_leaves_the_question_open(self, measured_of, policy):
        measured = replace(measured_of(2000), probed=Probed(unavailable={"champion": "its files were changed"}))
        only = champion(measured, policy).checks
        assert [(item.verdict, item.reason) for item in only] == [(Verdict.CANNOT_TELL, "its files were changed")]


class TestTheSameModel:
    def test_differs_by_nothing_in_any_replicate(self, against_itself):
        versus = against_itself.versus
        for difference in (versus.auc, versus.brier, versus.recall):
            assert not difference.sample.any()
            assert not difference.replicates.any()

    def test_passes(self, against_itself, policy):
        assert champion(against_itself, policy).verdict is Verdict.PASSED


class TestAWorseModel:
    @pytest.mark.parametrize("name", ["auc_difference", "brier_increase", "recall_difference"])
    def test_fails(self, checks_of_a_worse_one, name):
        assert checks_of_a_worse_one[name].verdict is Verdict.FAILED

    def test_passes_the_other_way_round(self, rows, policy):
        assert champion(against(rows, policy, worse(rows, 1.5)), policy).verdict is Verdict.PASSED


class TestTheDifference:
    def test_is_told_more_narrowly_than_either_figure(self, rows, policy):
        measured = against(rows, policy, worse(rows, 0.2))
        own = measured.overall.metrics["auc"].standard_error[0]
        assert measured.versus.auc.standard_error[0] < own / 3

    def test_turns_its_sign_when_both_change_places(self, rows, policy):
        other = worse(rows, 0.5)
        here = against(rows, policy, other).versus
        there = against(replace(rows, score=other), policy, rows.score).versus
        assert here.auc.replicates == pytest.approx(-there.auc.replicates)
        assert here.recall.replicates == pytest.approx(-there.recall.replicates)

    def test_of_too_few_rows_says_nothing(self, policy):
        few = simulate(300, seed=1)
        gate = champion(against(few, policy, few.score), policy)
        assert {item.verdict for item in gate.checks} == {Verdict.CANNOT_TELL}
