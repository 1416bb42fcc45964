"""Changed inputs: an honest model keeps its decisions, and every planted fault is found by the check that is for it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.artifact import FittedModel
from tests.validation.probes.small_clinic import clinic_subject, measured_with
from validation.gates.result import Verdict
from validation.gates.robustness import robustness
from validation.probes.changes import reordered_levels, reversible_order, shifted
from validation.probes.perturbing import optional, perturb


@pytest.fixture(scope="module")
def honest(tmp_path_factory):
    return clinic_subject(tmp_path_factory.mktemp("honest"))


@pytest.fixture(scope="module")
def honest_found(honest):
    return perturb(honest)


def verdicts(subject, found=None):
    policy = subject.policy
    result = robustness(measured_with(policy, perturbed=found or perturb(subject)), policy)
    return {check.name: check.verdict for check in result.checks}


def failed(subject):
    return {name for name, verdict in verdicts(subject).items() if verdict is Verdict.FAILED}


class TestAnHonestModel:
    def test_fails_no_check(self, honest, honest_found):
        assert Verdict.FAILED not in verdicts(honest, honest_found).values()

    def test_is_told_in_a_handful_of_lines(self, honest, honest_found):
        assert len(verdicts(honest, honest_found)) <= 8

    def test_scores_the_same_in_any_order_bit_for_bit(self, honest_found):
        reordered = [item for item in honest_found if item.kind == "reordered"]
        assert {item.feature for item in reordered} == {"rows", "levels"}
        assert [item.differing for item in reordered] == [0, 0]

    def test_gives_the_same_figures_again(self, honest, honest_found):
        again = perturb(honest)
        assert [float(item.flips.sample[0]) for item in again] == [float(item.flips.sample[0]) for item in honest_found]

    def test_is_moved_in_every_number_alone_and_in_all_at_once_but_not_in_flags(self, honest_found):
        moved = {item.feature for item in honest_found if item.kind == "shift"}
        assert moved == {"lead_days", "age", "hour", "disabilities", "miss_rate", ""}


class TestFieldsThatMayBeAbsent:
    def test_are_optional_columns_of_the_table_and_what_training_knew_in_part(self, honest):
        assert set(optional(honest)) == {"age", "disabilities", "hypertension", "site", "miss_rate"}

    def test_a_model_that_hangs_on_one_of_them_is_found_out_by_its_name(self, tmp_path):
        subject = clinic_subject(tmp_path, lambda columns: 3.0 * columns["disabilities"] - 5)
        assert "missing[disabilities]" in failed(subject)


class TestSmallShifts:
    def test_a_model_that_hangs_on_the_last_minutes_is_found_out(self, tmp_path):
        def by_the_half_hour(columns):
            return np.where(columns["hour"] % 1 < 0.5, 2.0, -2.0)

        subject = clinic_subject(tmp_path, by_the_half_hour, max_depth=6)
        assert "shift[hour]" in failed(subject)

    def test_what_people_record_is_also_moved_together_and_clocks_are_not(self, tmp_path):
        def by_odd_years(columns):
            return np.where(columns["age"] % 8 < 4, 2.0, -2.0)

        subject = clinic_subject(tmp_path, by_odd_years, max_depth=8)
        assert {"shift[age]", "shift[all recorded numbers at once]"} <= failed(subject)
        assert "shift[hour]" not in failed(subject)


class _WrapsAround(FittedModel):
    """An encoding that holds ages in seven bits."""

    def encode(self, rows):
        inputs = super().encode(rows)
        inputs[:, 1] %= 100
        return inputs


class _CodesByPosition(FittedModel):
    """An encoding that takes a category's place in the file for its meaning."""

    def encode(self, rows):
        inputs = super().encode(rows)
        inputs[:, -1] = rows.column("site").combine_chunks().dictionary_encode().indices
        return inputs


class _LooksAtNeighbours(FittedModel):
    """A score that depends on the row before."""

    def predict(self, rows):
        scores = super().predict(rows)
        return scores + 1e-9 * np.roll(scores, 1)


def faulty(subject, kind):
    model = subject.model
    return replace(subject, model=kind(model.name, model.columns, model.booster, model.calibration))


class TestFaultsOfEncoding:
    def test_a_number_that_wraps_around_out_of_range_is_found(self, honest):
        assert "out_of_range[age]" in failed(faulty(honest, _WrapsAround))

    def test_categories_coded_by_their_place_in_the_file_are_found(self, tmp_path):
        subject = clinic_subject(tmp_path, lambda columns: columns["site"] - 5.0)
        assert "reordered[levels]" in failed(faulty(subject, _CodesByPosition))

    def test_a_score_that_depends_on_other_rows_is_found_however_little_it_changes(self, honest):
        assert "reordered[rows]" in failed(faulty(honest, _LooksAtNeighbours))


class TestMovedNumbers:
    @given(st.lists(st.integers(-50, 50), min_size=2, max_size=40), st.floats(0.01, 1.0), st.integers(0, 99))
    def test_stay_whole_and_in_range_and_keep_their_gaps(self, numbers, step, seed):
        values = pa.chunked_array([pa.array([*numbers, None], pa.int32())])
        moved = shifted(values, values, step, np.random.default_rng(seed))
        if moved is None:
            assert len(set(numbers)) == 1
        else:
            known = np.asarray(moved.drop_null())
            assert moved.null_count == 1
            assert (known == np.floor(known)).all()
            assert known.min() >= min(numbers)
            assert known.max() <= max(numbers)

    def test_counts_move_by_the_step_on_average(self):
        values = pa.chunked_array([pa.array(np.tile(np.arange(0, 9), 4_000))])
        moved = np.asarray(shifted(values, values, 0.1, np.random.default_rng(0)))
        assert np.abs(moved - np.asarray(values))[np.asarray(values) == 4].mean() == pytest.approx(0.4, abs=0.03)

    def test_a_number_whose_middle_half_is_one_value_moves_by_its_standard_deviation(self):
        values = pa.chunked_array([pa.array([0.0] * 90 + [10.0] * 10)])
        moved = np.asarray(shifted(values, values, 0.1, np.random.default_rng(0)))
        assert moved.max() == 10.0
        assert np.unique(moved[:90]).tolist() == [0.0, pytest.approx(0.3)]


class TestOtherOrders:
    @given(st.integers(1, 300), st.integers(0, 99))
    def test_of_rows_can_be_undone(self, rows, seed):
        order, back = reversible_order(rows, seed)
        assert (order[back] == np.arange(rows)).all()

    @given(st.lists(st.sampled_from(["a", "b", "c", None]), min_size=1))
    def test_of_levels_keep_every_value(self, values):
        column = pa.chunked_array([pa.array(values, pa.string())])
        assert reordered_levels(column).cast(pa.string()).to_pylist() == values
