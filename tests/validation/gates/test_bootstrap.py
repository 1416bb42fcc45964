import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from benchmarks.simulated import simulate
from validation.bootstrap import Draws, bootstrap, patient_counts, sampled_patients
from validation.statistics import CellSums, Ranks


def auc_draws(rows, replicates=300, seed=5):
    patient = np.unique(rows.patient, return_inverse=True)[1]
    patients = int(patient.max()) + 1
    ranks = {"auc": Ranks(patient, rows.label, rows.score, np.zeros(rows.n, dtype=np.int64), 1)}
    return bootstrap(ranks, ranks, (patients, patients), replicates=replicates, seed=seed)["auc"].column(0)


class TestDraws:
    def test_each_replicate_draws_as_many_patients_as_there_are(self):
        counts = np.concatenate(list(patient_counts(50, 30, seed=1)))
        assert counts.shape == (30, 50)
        assert (counts.sum(axis=1) == 50).all()

    def test_the_same_seed_gives_the_same_draws(self):
        first, second = (np.concatenate(list(patient_counts(50, 30, seed=1))) for _ in range(2))
        assert (first == second).all()

    def test_a_replicate_is_what_its_patients_rows_give_when_repeated(self):
        rows = simulate(600, seed=2)
        patient = np.unique(rows.patient, return_inverse=True)[1]
        count = next(patient_counts(int(patient.max()) + 1, 1, seed=5))[0].astype(int)
        again = np.repeat(np.arange(rows.n), count[patient])
        expected = roc_auc_score(rows.label[again], rows.score[again])
        assert auc_draws(rows, replicates=1).replicates[0, 0] == pytest.approx(expected)

    def test_rows_that_repeat_a_patient_add_no_certainty(self):
        rows = simulate(800, seed=3)
        every = np.arange(rows.n)
        single = type(rows)(rows.label, rows.score, every)
        again = np.tile(every, 4)
        fourfold = type(rows)(rows.label[again], rows.score[again], again)
        assert auc_draws(fourfold).standard_error == pytest.approx(auc_draws(single).standard_error)


class TestIntervals:
    def test_a_percentile_interval_has_its_coverage(self):
        truth = auc_draws(simulate(60_000, seed=99), replicates=1).sample[0]
        inside = 0
        for seed in range(60):
            low, high = auc_draws(simulate(700, seed=seed), replicates=200).interval(0.95)
            inside += low[0] <= truth <= high[0]
        assert inside >= 52

    def test_simultaneous_bounds_are_wider_than_those_of_one_value(self):
        chance = np.random.default_rng(0)
        draws = Draws(np.zeros(10), np.zeros(10), chance.normal(size=(2000, 10)))
        low, high = draws.simultaneous(0.95)
        assert (low < draws.interval(0.95)[0]).all()
        assert high == pytest.approx(np.full(10, 2.8), abs=0.25)

    def test_a_value_that_half_of_the_replicates_lack_has_no_bound(self):
        replicates = np.full((100, 1), np.nan)
        replicates[:40] = 1.0
        assert np.isnan(Draws(np.ones(1), np.ones(1), replicates).interval(0.95)).all()


class TestACapOnRows:
    def test_whole_patients_are_drawn_up_to_the_cap(self):
        rows = simulate(5000, seed=4)
        patient = np.unique(rows.patient, return_inverse=True)[1]
        kept = sampled_patients(patient, 1000, seed=1)
        assert 950 < len(kept) <= 1000
        assert not np.isin(patient[kept], np.delete(patient, kept)).any()

    def test_bounds_lie_around_the_estimate_of_all_rows(self):
        patient = np.arange(2000)
        values = np.linspace(0, 1, 2000)[:, None]
        part = np.arange(500)
        whole = {"sum": CellSums(patient, np.zeros(2000, dtype=int), values, (2000, 1))}
        half = {"sum": CellSums(part, np.zeros(500, dtype=int), values[part], (500, 1))}
        draws = bootstrap(whole, half, (2000, 500), replicates=200, seed=1)["sum"]
        low, high = draws.interval(0.95)
        assert low[0] < draws.sample[0] < high[0]
