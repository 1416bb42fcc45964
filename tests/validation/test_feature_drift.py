"""Held-out rows that lie elsewhere than the training rows are named, and chance is told apart from it."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monitoring.policy import load_monitoring_policy
from validation.drift import feature_drift, stability_index
from validation.drift_limits import load_drift_limits
from validation.policy import InvalidPolicy

LIMITS = load_drift_limits()
NAMES = ("lead_days", "age")
SHARES = st.lists(st.floats(0.01, 1), min_size=5, max_size=5).map(lambda raw: np.array(raw) / sum(raw))


class TestIndex:
    @given(before=SHARES, now=SHARES)
    @settings(deadline=None)
    def test_it_is_never_negative_symmetric_and_zero_for_the_same(self, before, now):
        assert stability_index(before, now, 1e-4) >= 0
        assert stability_index(before, now, 1e-4) == pytest.approx(stability_index(now, before, 1e-4))
        assert stability_index(before, before, 1e-4) == 0

    def test_it_is_the_textbooks_figure(self):
        before, now = np.array([0.5, 0.5]), np.array([0.7, 0.3])
        assert stability_index(before, now, 1e-4) == pytest.approx(0.2 * np.log(1.4) - 0.2 * np.log(0.6))

    def test_an_empty_bin_does_not_make_it_infinite(self):
        assert np.isfinite(stability_index(np.array([1.0, 0.0]), np.array([0.0, 1.0]), 1e-4))


class TestFeatures:
    @pytest.fixture
    def sides(self):
        chance = np.random.default_rng(3)
        return chance.normal(size=(4000, 2)).astype(np.float32), chance.normal(size=(1000, 2)).astype(np.float32)

    def test_of_the_same_population_stay_below_what_chance_gives(self, sides):
        found = feature_drift(NAMES, *sides, LIMITS)
        assert list(found) == list(NAMES)
        assert all(shift.index <= shift.chance and not shift.to_watch for shift in found.values())

    def test_that_moved_are_told_from_those_that_did_not(self, sides):
        train, test = sides
        found = feature_drift(NAMES, train, test + np.array([1, 0], np.float32), LIMITS)
        assert found["lead_days"].to_act
        assert not found["age"].to_watch

    def test_that_go_missing_have_moved(self, sides):
        train, test = sides
        test[:600, 1] = np.nan
        assert feature_drift(NAMES, train, test, LIMITS)["age"].to_act

    def test_of_too_few_rows_are_not_judged(self, sides):
        train, test = sides
        assert feature_drift(NAMES, train, test[: LIMITS.least_rows - 1], LIMITS) == {}


class TestLimits:
    def test_are_those_that_monitoring_uses(self):
        assert load_monitoring_policy().drift == LIMITS

    @pytest.mark.parametrize("text", ["", "drift: {bins: 1}", "[", "performance: {}"])
    def test_that_cannot_be_used_are_refused(self, tmp_path, text):
        path = tmp_path / "monitoring.yaml"
        path.write_text(text, encoding="utf-8")
        with pytest.raises(InvalidPolicy, match="restore it from the release"):
            load_drift_limits(path)
