"""Reasons are exact, and the model abstains where it was hardly trained."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest
import xgboost as xgb

from caregate.policy_file import PolicyUnreadable
from models.artifact import Calibration, Column
from models.catalogue import spec_of
from serving.assessment import assess, explained, incomplete, unsupported
from serving.policy import Support, load_serving_policy
from serving.served import FeaturesUnknown, Served, load_served
from serving.support import support_of
from tests.serving.clinic import features_of
from validation.policy import load_policy

POLICY = load_serving_policy()


@pytest.fixture(scope="module")
def served(clinic):
    return load_served(clinic.versions[1], spec_of("no-show"), load_policy("no-show"))


@pytest.fixture(scope="module")
def rows(clinic, tmp_path_factory):
    return features_of(clinic.snapshot, tmp_path_factory.mktemp("spill")).slice(0, 40)


class TestReasons:
    def test_all_contributions_and_the_bias_add_up_to_the_log_odds_of_the_score(self, served, rows):
        calibrated = Served(
            served.spec, replace(served.fitted, calibration=Calibration(slope=0.8, intercept=0.1)), 1, served.policy
        )
        inputs = served.fitted.encode(rows)
        whole = explained(calibrated, inputs, len(served.fitted.columns))
        bias = served.fitted.booster.predict(xgb.DMatrix(inputs), pred_contribs=True)[:, -1]
        score = calibrated.fitted.predict_encoded(inputs)
        summed = [0.1 + 0.8 * base + sum(r.contribution for r in row) for base, row in zip(bias, whole, strict=True)]
        assert summed == pytest.approx(np.log(score / (1 - score)), abs=1e-3)

    def test_without_being_asked_for_there_are_none(self, served, rows):
        assert {assessment.reasons for assessment in assess(served, rows, POLICY, explain=False)} == {()}

    def test_the_same_row_has_the_same_digest_and_another_one_another(self, served, rows):
        digests = [assessment.inputs_digest for assessment in assess(served, rows, POLICY)]
        assert digests == [assessment.inputs_digest for assessment in assess(served, rows, POLICY)]
        assert len(set(digests)) == len(digests)

    def test_no_rows_have_no_assessments(self, served, rows):
        assert assess(served, rows.slice(0, 0), POLICY) == []


class TestSupport:
    columns = (Column("age", "age", "number", low=0, high=90), Column("site", "site", "category", levels=("N",)))
    flag = (Column("rare", "rare thing", "flag", low=0, high=0),)
    limits = Support(margin=0.5, least_range=1.0)

    def whys(self, values, columns=columns):
        return unsupported(np.array(values, dtype=np.float32), columns, support_of(columns, self.limits))

    def test_a_little_outside_of_training_is_scored_and_far_outside_is_not(self):
        assert self.whys([[50, 0], [135, 0], [136, 0], [-46, 0]]) == [
            None,
            None,
            "outside training support: age",
            "outside training support: age",
        ]

    def test_missing_values_and_unknown_categories_are_scored(self):
        assert self.whys([[np.nan, np.nan]]) == [None]

    def test_a_flag_that_was_almost_never_set_may_be_set(self):
        assert self.whys([[0.5]], self.flag) == [None]


class TestRequiredFeatures:
    columns = (Column("age", "age", "number", low=0, high=90), Column("stays", "hospital stays", "number"))

    def test_a_row_that_lacks_one_is_not_scored_and_the_feature_is_named(self):
        inputs = np.array([[50, 1], [50, np.nan], [np.nan, 0]], dtype=np.float32)
        assert incomplete(inputs, self.columns, [1]) == [None, "missing required field: stays", None]

    def test_nothing_is_required_of_a_model_that_says_so(self):
        assert incomplete(np.array([[np.nan, np.nan]], dtype=np.float32), self.columns, []) == [None]

    def test_the_answer_abstains(self, served, rows):
        strict = replace(served, spec=replace(served.spec, required=("age",)))
        ages = pa.array([None, *rows.column("age").to_pylist()[1:]], rows.schema.field("age").type)
        given = rows.set_column(rows.column_names.index("age"), "age", ages)
        found = assess(strict, given, POLICY)
        assert (found[0].status, found[0].why) == ("abstained", "missing required field: age")
        assert found[1].status == "scored"


class TestLoading:
    def test_a_model_with_features_that_this_release_lacks_is_not_served(self, clinic):
        spec = spec_of("no-show")
        with pytest.raises(FeaturesUnknown):
            load_served(clinic.versions[1], replace(spec, features=spec.features[1:]), load_policy("no-show"))


class TestPolicy:
    @pytest.mark.parametrize("text", ["limits: [", "limits: {instances: 0}", ""])
    def test_a_policy_that_cannot_be_used_is_said_so(self, tmp_path, text):
        path = tmp_path / "serving.yaml"
        path.write_text(text)
        with pytest.raises(PolicyUnreadable):
            load_serving_policy(path)
