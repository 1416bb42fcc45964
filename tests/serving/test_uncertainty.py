"""A score's range comes from the approved evidence alone."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from serving.uncertainty import CalibrationBounds, bounds_in

EXACT = CalibrationBounds((0.0, 0.0), (1.0, 1.0), 0.2)
WIDE = CalibrationBounds((-0.1, 0.1), (0.9, 1.1), 0.2)


class TestRange:
    @given(score=st.floats(0.001, 0.999))
    def test_of_a_score_that_is_calibrated_beyond_doubt_is_the_score(self, score):
        assert EXACT.around(score) == pytest.approx((score, score), abs=1e-4)

    @given(score=st.floats(0, 1))
    def test_is_a_share_and_holds_the_score_where_the_bounds_hold_no_error(self, score):
        low, high = WIDE.around(score)
        assert 0 <= low <= high <= 1
        assert low - 1e-4 <= score <= high + 1e-4

    def test_lies_beside_the_score_where_the_gate_found_that_it_tells_too_much(self):
        assert CalibrationBounds((-0.2, -0.1), (1.0, 1.0), 0.2).around(0.3)[1] < 0.3


class TestEvidence:
    def write(self, folder, content):
        (folder / "evidence").mkdir()
        (folder / "evidence" / "gates.json").write_text(json.dumps(content))
        return bounds_in(folder)

    def test_says_the_bounds(self, tmp_path):
        interval = {"estimate": 0.2, "low": 0.1, "high": 0.3}
        metrics = {"intercept": interval, "slope": interval, "prevalence": interval}
        assert self.write(tmp_path, {"metrics": metrics}) == CalibrationBounds((0.1, 0.3), (0.1, 0.3), 0.2)

    @pytest.mark.parametrize("metrics", [{}, {"slope": {"low": None, "high": 1.0}}])
    def test_that_does_not_say_gives_no_range(self, tmp_path, metrics):
        assert self.write(tmp_path, {"metrics": metrics}) is None

    def test_that_is_not_there_gives_no_range(self, tmp_path):
        assert bounds_in(tmp_path) is None
