"""A feature that holds the outcome is found in whatever shape it does."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from validation.feature_strength import auc_of, strongest_feature
from validation.parts import Parts, overlap

N = 4_000
LEAK = 0.95


def parts(planted, patient=None):
    """Test rows with one planted input among three that say nothing."""
    chance = np.random.default_rng(3)
    n = len(planted)
    inputs = chance.normal(size=(n, 4)).astype(np.float32)
    inputs[:, 2] = planted
    who = np.arange(n) // 2 if patient is None else patient
    names = ("one", "two", "planted", "three")
    return Parts("time", names, who[:0], who, inputs[:0], inputs)


def strongest(planted, label):
    found = parts(planted)
    name, score = strongest_feature(found, label, np.arange(len(label)), seed=1)
    return name, auc_of(score, label)


@pytest.fixture(scope="module")
def label():
    return np.random.default_rng(1).random(N) < 0.2


@pytest.fixture
def chance():
    return np.random.default_rng(2)


class TestAColumnMadeOfTheOutcome:
    def test_is_found_where_it_falls_with_it(self, label, chance):
        name, auc = strongest(chance.normal(size=N) - 4 * label, label)
        assert (name, auc > LEAK) == ("planted", True)

    def test_is_found_under_other_codes(self, label, chance):
        codes = chance.permutation(100)
        name, auc = strongest(codes[2 * chance.integers(0, 50, N) + label], label)
        assert (name, auc > LEAK) == ("planted", True)

    def test_is_found_in_the_parity_of_a_number(self, label, chance):
        name, auc = strongest(2 * chance.integers(0, 200, N) + label, label)
        assert (name, auc > LEAK) == ("planted", True)

    def test_is_found_where_both_ends_of_a_number_mean_the_same(self, label, chance):
        sides = np.where(chance.random(N) < 0.5, -1, 1)
        name, auc = strongest(np.where(label, 5 * sides, 0) + chance.normal(size=N), label)
        assert (name, auc > LEAK) == ("planted", True)

    @pytest.mark.parametrize("missing", [True, False])
    def test_is_found_where_it_is_missing_with_one_outcome(self, label, chance, missing):
        values = np.where(label == missing, np.nan, chance.normal(size=N))
        name, auc = strongest(values, label)
        assert (name, auc == 1.0) == ("planted", True)


class TestAColumnThatSaysNothing:
    def test_is_not_taken_for_more(self, label, chance):
        for values in (chance.normal(size=N), chance.integers(0, 500, N), np.zeros(N), np.full(N, np.nan)):
            _name, auc = strongest(values, label)
            assert auc < 0.56

    def test_of_one_level_a_patient_is_no_leak(self, label):
        """Codes of patients tell the outcome of rows that they were counted with, and of no other."""
        patient = np.arange(N) // 4
        found = parts(patient, patient)
        _name, score = strongest_feature(found, label, np.arange(N), seed=1)
        assert auc_of(score, label) < 0.56

    @settings(max_examples=30, deadline=None)
    @given(st.lists(st.tuples(st.integers(0, 3), st.booleans(), st.integers(0, 2)), min_size=1, max_size=30))
    def test_of_few_rows_gives_a_number(self, rows):
        patient, label, values = (np.array(each) for each in zip(*rows, strict=True))
        planted = np.where(values == 2, np.nan, values)
        found = parts(planted, patient)
        _name, score = strongest_feature(found, label.astype(bool), np.arange(len(rows)), seed=1)
        assert score.shape == (len(rows),)
        assert 0 <= auc_of(score, label.astype(bool)) <= 1


class TestDuplicateRows:
    def test_are_counted_within_a_patient_after_the_first(self):
        found = parts(np.zeros(6), np.array([1, 1, 1, 2, 2, 3]))
        found.test_inputs[:] = found.test_inputs[0]
        found.test_inputs[4, 1] = np.nan
        assert overlap(found).duplicate_rows == 2
