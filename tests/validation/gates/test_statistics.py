import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import average_precision_score, roc_auc_score

from validation.bootstrap import bootstrap
from validation.calibration_line import calibration_line, calibration_offset, line_terms, logit_of, newton_step
from validation.row_sums import RowSums
from validation.statistics import CellSums, Ranks, run_along

rows = st.lists(
    st.tuples(st.integers(0, 4), st.booleans(), st.integers(0, 5), st.integers(-1, 2)), min_size=1, max_size=40
)
counts = st.lists(st.integers(0, 3), min_size=5, max_size=5)


class TestRanks:
    @settings(max_examples=200, deadline=None)
    @given(rows=rows, count=counts)
    def test_equal_scikit_learn_with_ties_weights_and_missing_classes(self, rows, count):
        patient, label, score, group = (np.array(column) for column in zip(*rows, strict=True))
        answer = Ranks(patient, label, score / 5, group, 3)(np.array([count], dtype=float))[0]
        weight = np.array(count)[patient]
        for place in range(3):
            inside = (group == place) & (weight > 0)
            if len(set(label[inside])) == 2:
                weights = {"sample_weight": weight[inside]}
                auc = roc_auc_score(label[inside], score[inside], **weights)
                precision = average_precision_score(label[inside], score[inside], **weights)
                assert answer[place] == pytest.approx(auc)
                assert answer[3 + place] == pytest.approx(precision)
            else:
                assert np.isnan(answer[place])

    @given(rows=rows, count=counts)
    def test_without_precision_are_the_same_areas(self, rows, count):
        patient, label, score, group = (np.array(column) for column in zip(*rows, strict=True))
        weights = np.array([count, [1.0] * 5])
        both = Ranks(patient, label, score / 5, group, 3)(weights)
        alone = Ranks(patient, label, score / 5, group, 3, precision=False)(weights)
        assert alone == pytest.approx(both[:, :3], nan_ok=True)

    def test_missing_values_given_as_minus_infinity_rank_lowest(self):
        patient = np.arange(4)
        label = np.array([False, False, True, True])
        score = np.array([-np.inf, -np.inf, 0.1, 0.2])
        assert Ranks(patient, label, score, np.zeros(4, dtype=int), 1)(np.ones((1, 4)))[0, 0] == 1.0


class TestRunningSums:
    @given(rows=st.integers(0, 60), columns=st.integers(1, 4))
    def test_are_numpy_s(self, rows, columns):
        values = np.random.default_rng(rows).integers(0, 9, (rows, columns)).astype(float)
        expected = np.cumsum(values, axis=0)
        assert (run_along(values) == expected).all()


class TestRowSums:
    @given(rows=rows, count=counts)
    def test_equal_sums_over_repeated_rows(self, rows, count):
        patient, label, score, _ = (np.array(column) for column in zip(*rows, strict=True))
        values = {"positives": label.astype(float), "scores": score / 5}
        everything = np.arange(len(rows))
        named = RowSums(values)
        statistic = named.statistic(everything, patient, 5)
        patients = (5, 5)
        sums = named.read(bootstrap({"": statistic}, {"": statistic}, patients, replicates=1, seed=1)[""])
        assert sums["scores"].sample[0] == pytest.approx(values["scores"].sum())
        again = np.repeat(everything, np.array(count)[patient])
        assert statistic(np.array([count], dtype=float))[0] == pytest.approx(
            [item[again].sum() for item in values.values()]
        )


class TestCellSums:
    @settings(max_examples=100, deadline=None)
    @given(rows=rows, count=counts)
    def test_equal_sums_over_repeated_rows(self, rows, count):
        patient, _, score, cell = (np.array(column) for column in zip(*rows, strict=True))
        values = np.column_stack([np.ones(len(rows)), score])
        answer = CellSums(patient, cell, values, (5, 3))(np.array([count], dtype=float)).reshape(3, 2)
        again = np.repeat(np.arange(len(rows)), np.array(count)[patient])
        for place in range(3):
            assert answer[place] == pytest.approx(values[again][cell[again] == place].sum(axis=0))


class TestCalibration:
    @pytest.fixture
    def drawn(self):
        chance = np.random.default_rng(3)
        logit = chance.normal(-1.5, 1, 4000)
        return chance.random(4000) < 1 / (1 + np.exp(-(0.3 + 0.8 * logit))), 1 / (1 + np.exp(-logit))

    def test_the_line_is_that_of_an_unpenalised_logistic_regression(self, drawn):
        label, score = drawn
        peer = LogisticRegression(C=np.inf, tol=1e-10).fit(logit_of(score)[:, None], label)
        intercept, slope = calibration_line(label, score)
        assert intercept == pytest.approx(peer.intercept_[0], abs=1e-4)
        assert slope == pytest.approx(peer.coef_[0, 0], abs=1e-4)

    def test_one_step_from_the_sample_lands_where_a_refit_of_the_replicate_does(self, drawn):
        label, score = drawn
        line = np.array(calibration_line(label, score))
        again = np.random.default_rng(1).integers(0, 4000, 4000)
        step = newton_step(line_terms(label[again], logit_of(score[again]), line).sum(axis=0)[None])[0]
        assert line + step == pytest.approx(calibration_line(label[again], score[again]), abs=5e-3)

    def test_the_offset_makes_as_many_expected_as_happened(self, drawn):
        label, score = drawn
        shifted = 1 / (1 + np.exp(-(logit_of(score) + calibration_offset(label, score))))
        assert shifted.sum() == pytest.approx(label.sum())

    def test_one_outcome_alone_has_no_line(self):
        assert np.isnan(calibration_line(np.zeros(5, dtype=bool), np.full(5, 0.2))).all()
        assert np.isnan(calibration_offset(np.ones(5, dtype=bool), np.full(5, 0.2)))

    def test_scores_far_from_the_outcome_still_find_their_line(self):
        chance = np.random.default_rng(0)
        logit = chance.normal(0, 3, 300)
        label = chance.random(300) < 1 / (1 + np.exp(-0.1 * logit))
        intercept, slope = calibration_line(label, 1 / (1 + np.exp(-logit)))
        assert abs(intercept) < 0.5
        assert 0 < slope < 0.3
