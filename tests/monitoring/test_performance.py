"""Performance in use is judged on bounds, and never on too few outcomes."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from monitoring.finding import Alarm
from monitoring.performance import performance
from monitoring.policy import load_monitoring_policy
from validation.scored import ScoredRows

LIMITS = load_monitoring_policy().performance


@pytest.fixture(scope="module")
def rows():
    """Outcomes that happen exactly as often as the score says."""
    chance = np.random.default_rng(3)
    score = chance.beta(2, 6, 6000)
    return ScoredRows(chance.random(6000) < score, score, chance.integers(0, 2500, 6000))


def alarms(rows, approved):
    return {found.name: found.alarm for found in performance(rows, approved, LIMITS)}


class TestPerformance:
    def test_a_model_that_does_as_approved_is_ok(self, rows):
        approved = roc_auc_score(rows.label, rows.score)
        assert alarms(rows, approved) == {"auc": Alarm.OK, "observed/expected": Alarm.OK}

    def test_the_figures_are_the_usual_ones(self, rows):
        auc, ratio = performance(rows, 0.7, LIMITS)
        assert auc.estimate == pytest.approx(roc_auc_score(rows.label, rows.score))
        assert ratio.estimate == pytest.approx(rows.label.sum() / rows.score.sum())
        assert auc.low < auc.estimate < auc.high

    def test_a_loss_beyond_chance_is_watched_then_acted_on(self, rows):
        high = performance(rows, 0.7, LIMITS)[0].high
        assert alarms(rows, high + 0.01)["auc"] == Alarm.OK
        assert alarms(rows, high + 0.03)["auc"] == Alarm.WATCH
        assert alarms(rows, high + 0.05)["auc"] == Alarm.ACT

    @pytest.mark.parametrize(("factor", "alarm"), [(0.85, Alarm.WATCH), (0.6, Alarm.ACT), (1.6, Alarm.ACT)])
    def test_scores_that_are_too_high_or_too_low_raise_an_alarm(self, rows, factor, alarm):
        scaled = ScoredRows(rows.label, rows.score / factor, rows.patient)
        found = performance(scaled, 0.5, LIMITS)[1]
        assert found.alarm == alarm, found.reason

    def test_too_few_outcomes_cannot_be_told_and_are_watched(self, rows):
        few = ScoredRows(rows.label[:100], rows.score[:100], rows.patient[:100])
        found = performance(few, 0.7, LIMITS)
        assert {item.alarm for item in found} == {Alarm.WATCH}
        assert all(item.estimate is None for item in found)
