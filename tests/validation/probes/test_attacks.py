"""Attacks on privacy find a model that learns patients by heart, and find nothing in one that does not."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from crm.sources.synthetic import appointment_tables, parameters
from models.catalogue import spec_of
from models.training import fit
from tests.validation.probes.examined import subject_of
from validation.probes.membership import HalfFits, attack, membership
from validation.probes.memorising import memorised, rarest

CAREFUL = {"max_depth": 2, "min_child_weight": 50, "learning_rate": 0.05, "reg_lambda": 5.0}
BY_HEART = {"max_depth": 12, "min_child_weight": 0, "learning_rate": 0.3, "reg_lambda": 0.0}


@pytest.fixture(scope="module")
def subject(tmp_path_factory):
    tables = appointment_tables(parameters("no_show"), 6_000, seed=2)
    return subject_of(spec_of("no-show"), tables, tmp_path_factory.mktemp("tables"), privacy={"rare_rows": 300})


@pytest.fixture(scope="module")
def fitted(subject):
    def made(hyperparameters, rounds=40):
        given = {"objective": "binary:logistic", "tree_method": "hist", **hyperparameters}
        spec = replace(subject.spec, hyperparameters=given, rounds=rounds)
        return replace(subject, spec=spec, model=fit(spec, subject.trained_on, seed=0, threads=1))

    return made


def bounds(draws):
    low, high = draws.interval(0.95)
    return float(low[0]), float(high[0])


class TestAModelThatLearnsByHeart:
    def test_gives_away_whom_it_was_trained_on(self, fitted):
        found = membership(fitted(BY_HEART))
        assert bounds(found.advantage)[0] > 0.2

    def test_saves_most_of_the_loss_on_rare_rows(self, fitted):
        found = memorised(fitted(BY_HEART))
        assert (bounds(found.saved)[0] > 0.5, found.n) == (True, 300)


class TestACarefulModel:
    def test_gives_nobody_away(self, fitted):
        found = membership(fitted(CAREFUL))
        assert bounds(found.advantage)[1] < 0.1
        assert found.n == 2 * fitted(CAREFUL).train.sum()

    def test_loses_as_much_on_rare_rows_that_it_was_trained_on(self, fitted):
        assert abs(memorised(fitted(CAREFUL)).saved.sample[0]) < 0.1

    def test_is_judged_the_same_twice(self, fitted):
        first, second = (memorised(fitted(CAREFUL)).saved.replicates for _time in range(2))
        assert np.array_equal(first, second)


class TestAttackedRows:
    def test_are_capped_by_whole_patients(self, fitted, monkeypatch):
        monkeypatch.setattr("validation.probes.attacked.ATTACKED", 2_000)
        found = membership(fitted(CAREFUL))
        assert 2 * 1_900 < found.n <= 2 * 2_000
        assert memorised(fitted(CAREFUL)).n == 300

    def test_of_one_outcome_cannot_be_attacked(self, fitted):
        subject = fitted(CAREFUL)
        negative = subject.train & ~np.asarray(subject.rows.column("label"), dtype=bool)
        one = replace(subject, train=negative)
        assert (membership(one), memorised(one)) == (None, None)


class TestTheBestThreshold:
    def fits(self, seed, gap):
        chance = np.random.default_rng(seed)
        patient = np.sort(chance.integers(0, 400, 800))
        patient = np.unique(patient, return_inverse=True)[1]
        inside, outside = chance.normal(size=(2, 800))
        return HalfFits(patient, inside - gap, outside)

    def test_finds_no_advantage_in_noise_on_average(self):
        found = [attack(self.fits(seed, 0), seed=seed).mean() for seed in range(200)]
        assert abs(np.mean(found)) < 3 * np.std(found) / np.sqrt(len(found))

    def test_finds_the_advantage_that_is_there(self):
        # Two normal distributions one standard deviation apart: 2 * Phi(0.5) - 1.
        found = [attack(self.fits(seed, 1), seed=seed).mean() for seed in range(50)]
        assert np.mean(found) == pytest.approx(0.383, abs=0.02)


class TestRareRows:
    def test_are_those_with_values_that_hardly_any_other_has(self):
        chance = np.random.default_rng(0)
        inputs = chance.integers(0, 3, (1_000, 5)).astype(np.float32)
        inputs[7, 2], inputs[99, 0], inputs[500, 4] = 40, np.nan, -7
        assert rarest(inputs, 3).tolist() == [7, 99, 500]

    def test_lie_at_the_ends_of_a_range(self):
        values = np.random.default_rng(0).normal(size=(5_000, 1)).astype(np.float32)
        assert np.abs(values[rarest(values, 20)]).min() > 2.5

    def test_are_all_rows_where_there_are_no_more(self):
        assert rarest(np.zeros((5, 2), dtype=np.float32), 10).tolist() == [0, 1, 2, 3, 4]
