"""Drift is called only where it is larger than the limit and than chance."""

from __future__ import annotations

import numpy as np
import pytest
import xgboost as xgb

from caregate.policy_file import PolicyUnreadable
from models.artifact import Calibration, Column, FittedModel
from monitoring.drift import drift, judge_drift, references
from monitoring.finding import Alarm, Finding, worst
from monitoring.policy import load_monitoring_policy
from validation.drift import reference_of

LIMITS = load_monitoring_policy().drift


@pytest.fixture
def chance():
    return np.random.default_rng(11)


class TestJudging:
    def judge(self, before, now):
        return judge_drift("lead_days", now, reference_of(before, LIMITS.bins), LIMITS)

    def test_the_same_population_is_ok(self, chance):
        assert self.judge(chance.normal(size=5000), chance.normal(size=2000)).alarm == Alarm.OK

    def test_small_samples_of_the_same_population_hardly_ever_alarm(self, chance):
        before = chance.normal(size=5000)
        alarms = [self.judge(before, chance.normal(size=200)).alarm for _ in range(200)]
        assert alarms.count(Alarm.OK) == 200

    def test_a_small_shift_is_watched_and_a_large_one_acted_on(self, chance):
        before = chance.normal(size=5000)
        assert self.judge(before, chance.normal(0.45, size=4000)).alarm == Alarm.WATCH
        assert self.judge(before, chance.normal(1.0, size=4000)).alarm == Alarm.ACT

    def test_a_column_that_goes_missing_is_acted_on(self, chance):
        now = chance.normal(size=1000)
        now[:600] = np.nan
        assert self.judge(chance.normal(size=5000), now).alarm == Alarm.ACT

    def test_a_flag_that_was_always_the_same_and_is_not_any_more_is_acted_on(self):
        assert self.judge(np.zeros(5000), np.repeat([0.0, 1.0], 500)).alarm == Alarm.ACT

    def test_a_column_that_was_always_missing_can_be_judged(self):
        assert self.judge(np.full(5000, np.nan), np.full(500, np.nan)).alarm == Alarm.OK

    def test_too_few_rows_cannot_be_told_and_are_watched(self, chance):
        found = self.judge(chance.normal(size=5000), chance.normal(size=50))
        assert (found.alarm, found.estimate) == (Alarm.WATCH, None)


class TestModel:
    def test_every_feature_and_the_score_are_looked_at(self, chance):
        inputs = chance.normal(size=(3000, 2)).astype(np.float32)
        booster = xgb.train({"objective": "binary:logistic"}, xgb.DMatrix(inputs, inputs[:, 0] > 0), 3)
        columns = (Column("lead_days", "lead", "number"), Column("age", "age", "number"))
        model = FittedModel("toy", columns, booster, Calibration())
        known = references(model, inputs, LIMITS.bins)
        moved = inputs + np.array([3, 0], dtype=np.float32)
        alarms = {found.name: found.alarm for found in drift(model, moved, known, LIMITS)}
        assert alarms == {"psi[lead_days]": Alarm.ACT, "psi[age]": Alarm.OK, "psi[score]": Alarm.ACT}


class TestWorst:
    @pytest.mark.parametrize(
        ("alarms", "expected"),
        [([], "watch"), (["ok"], "ok"), (["ok", "watch"], "watch"), (["watch", "act", "ok"], "act")],
    )
    def test_the_gravest_alarm_counts(self, alarms, expected):
        assert worst([Finding("x", Alarm(alarm), None, None, None, 0, "") for alarm in alarms]) == expected


class TestPolicy:
    @pytest.mark.parametrize("text", ["drift: [", "drift: {}", ""])
    def test_a_policy_that_cannot_be_used_is_said_so(self, tmp_path, text):
        path = tmp_path / "monitoring.yaml"
        path.write_text(text)
        with pytest.raises(PolicyUnreadable):
            load_monitoring_policy(path)
