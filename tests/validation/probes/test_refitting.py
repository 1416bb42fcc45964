"""Further fits: an honest model stays about the same, and what depends on luck, a period or a site is found out."""

from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest

from models.splitting import patient_codes
from tests.validation.probes.small_clinic import SITES, clinic_rows, clinic_subject, measured_with
from validation.gates.result import Verdict
from validation.gates.stability import NO_SITES, stability
from validation.probes.dealing import folds, site_folds
from validation.probes.judged_rows import at_most_rows, auc_in_groups
from validation.probes.refitting import refit


@pytest.fixture(scope="module")
def honest(tmp_path_factory):
    return clinic_subject(tmp_path_factory.mktemp("honest"))


@pytest.fixture(scope="module")
def honest_found(honest):
    return refit(honest)


def judged(subject, found=None):
    policy = subject.policy
    return stability(measured_with(policy, refits=found if found is not None else refit(subject)), policy)


def failed(result):
    return {check.name.partition("[")[0] for check in result.checks if check.verdict is Verdict.FAILED}


class TestAnHonestModel:
    def test_fails_no_check_and_is_told_in_a_line_a_question(self, honest, honest_found):
        result = judged(honest, honest_found)
        assert not failed(result)
        names = {check.name.partition("[")[0] for check in result.checks}
        assert names == {"seed_auc", "seed_flips", "fold_auc", "site_auc"}

    def test_is_fitted_as_often_as_the_policy_asks(self, honest, honest_found):
        limits = honest.policy.gates.stability
        kinds = [item.kind for item in honest_found]
        assert kinds.count("seed") == limits.seeds.value
        assert kinds.count("fold") == limits.folds.value
        assert kinds.count("site") == limits.sites.value

    def test_gives_the_same_figures_again(self, honest, honest_found):
        again = [float(item.auc.sample[0]) for item in refit(honest)]
        assert again == [float(item.auc.sample[0]) for item in honest_found]


class TestSeeds:
    def test_a_model_made_of_luck_is_found_out(self, tmp_path):
        def nearly_nothing(columns):
            return 0.3 * columns["hypertension"] - 0.5

        luck = {"max_depth": 12, "learning_rate": 1.0, "subsample": 0.3, "min_child_weight": 0.1}
        subject = clinic_subject(tmp_path, nearly_nothing, rows=4_000, **luck)
        assert "seed_flips" in failed(judged(subject))


class TestFolds:
    def test_a_period_in_which_the_rule_was_another_is_found_out(self, tmp_path):
        def turned_for_a_while(columns):
            turned = (columns["day"] >= 17_010) & (columns["day"] < 17_020)
            return np.where(turned, -0.2, 0.2) * (columns["lead_days"] - 15)

        result = judged(clinic_subject(tmp_path, turned_for_a_while))
        assert "fold_auc" in failed(result)

    def test_are_later_periods_judged_by_what_came_before_where_the_split_is_by_time(self, honest):
        train = np.flatnonzero(honest.train)
        day = np.asarray(honest.rows.column("day"))
        parts = list(folds(honest, train, 3))
        assert len(parts) == 3
        for part in parts:
            assert day[part.fitted].max() < day[part.judged].min()
            assert honest.train[part.judged].all()

    def test_are_parts_of_the_patients_where_the_split_is_by_patient(self, tmp_path):
        subject = clinic_subject(tmp_path, by="patient", rows=2_000)
        train, patient = np.flatnonzero(subject.train), patient_codes(subject.rows)
        parts = list(folds(subject, train, 3))
        assert sorted(np.concatenate([part.judged for part in parts])) == train.tolist()
        for part in parts:
            assert not set(patient[part.fitted]) & set(patient[part.judged])


class TestSites:
    def test_a_model_that_knows_each_site_by_heart_is_found_out(self, tmp_path):
        effects = np.array([-3.0, 2.5, -2.5, 3.0, -2.0, 2.0, -3.0, 2.5, 0.0])

        def by_site(columns):
            return effects[columns["site"]]

        assert failed(judged(clinic_subject(tmp_path, by_site))) == {"site_auc"}

    def test_are_each_judged_once_by_a_fit_that_never_saw_them(self, honest):
        train, test = np.flatnonzero(honest.train), np.flatnonzero(honest.test)
        site = np.asarray(honest.rows.column("site"))
        parts = list(site_folds(honest, train, test, 3))
        assert sorted(np.concatenate([part.judged for part in parts])) == test.tolist()
        for part in parts:
            assert len(set(site[part.judged])) == SITES / 3
            assert not set(site[part.fitted]) & set(site[part.judged])

    def test_are_dealt_in_turns_so_that_parts_are_about_as_large(self, honest):
        sizes = np.arange(900, 0, -100)
        site = pa.array([f"site {place}" for place in np.repeat(np.arange(9), sizes)])
        rows = clinic_rows(lambda columns: np.zeros(len(columns["day"])), rows=int(sizes.sum()))
        rows = rows.set_column(rows.schema.get_field_index("site"), "site", site)
        everything = np.arange(rows.num_rows)
        parts = site_folds(replace(honest, rows=rows), everything, everything, 3)
        assert all(0.2 < len(part.judged) / rows.num_rows < 0.5 for part in parts)

    def test_rows_without_a_site_are_learnt_from_and_not_judged(self, honest):
        nameless = pa.array([None] * 10 + ["a", "b"] * ((honest.rows.num_rows - 10) // 2))
        place = honest.rows.schema.get_field_index("site")
        subject = replace(honest, rows=honest.rows.set_column(place, "site", nameless))
        everything = np.arange(subject.rows.num_rows)
        for part in itertools.islice(site_folds(subject, everything, everything, 2), 2):
            assert set(range(10)) <= set(part.fitted)
            assert not set(range(10)) & set(part.judged)

    def test_where_the_data_name_none_the_gate_says_that_it_cannot_tell(self, honest):
        subject = replace(honest, spec=replace(honest.spec, site=""))
        answers = [check for check in judged(subject).checks if check.name == "site_auc"]
        assert [(check.verdict, check.reason) for check in answers] == [(Verdict.CANNOT_TELL, NO_SITES)]


class TestTooFewRows:
    def test_the_gate_cannot_tell(self, tmp_path):
        result = judged(clinic_subject(tmp_path, rows=400))
        assert {check.verdict for check in result.checks} == {Verdict.CANNOT_TELL}

    def test_a_part_that_lacks_an_outcome_is_named_as_lacking(self, tmp_path):
        def never_at_first(columns):
            return np.where(columns["day"] < 17_012, -50.0, 0.0)

        result = judged(clinic_subject(tmp_path, never_at_first, rows=2_000))
        reasons = [check.reason for check in result.checks if check.name == "fold_auc"]
        assert any("of 3 folds could not be judged" in reason for reason in reasons)


class TestRowsOfARefit:
    def test_are_capped_by_whole_patients(self, honest):
        places = np.flatnonzero(honest.train)
        kept, patient = at_most_rows(honest, places, 1_000), patient_codes(honest.rows)
        assert 900 < len(kept) <= 1_000
        others = np.setdiff1d(places, kept)
        assert not set(patient[kept]) & set(patient[others])

    def test_the_model_is_fitted_on_the_capped_rows_as_well(self, honest, monkeypatch):
        monkeypatch.setattr("validation.probes.refitting.FITTED", 2_000)
        seeds = [item for item in refit(honest) if item.kind == "seed"]
        whole = float(seeds[0].reference.sample[0])
        monkeypatch.undo()
        assert whole != float(next(item for item in refit(honest) if item.kind == "seed").reference.sample[0])


class TestPairedAucs:
    def test_of_the_same_rows_and_scores_differ_in_no_replicate(self, honest):
        chance = np.random.default_rng(1)
        label, score, patient = chance.random(500) < 0.4, chance.random(500), chance.integers(0, 200, 500)
        twice = [np.tile(values, 2) for values in (patient, label, score)]
        aucs = auc_in_groups(*twice, np.repeat([0, 1], 500), honest.policy)
        assert (aucs.replicates[:, 0] == aucs.replicates[:, 1]).all()
        assert aucs.sample[0] == aucs.sample[1]
