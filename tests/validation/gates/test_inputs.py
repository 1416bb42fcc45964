from dataclasses import replace

import pytest

from validation.gates.bias import bias
from validation.gates.inputs import NOT_SCANNED
from validation.gates.result import Verdict
from validation.probed import Probed, Proxy


@pytest.fixture
def inputs(measured_of, policy):
    """Judges the inputs of a model with these features and proxies."""

    def judged(*proxies, features=(), unavailable=()):
        probed = Probed(proxies=proxies, unavailable=dict(unavailable))
        measured = replace(measured_of(2000), inputs=features, probed=probed)
        return {item.name: item for item in bias(measured, policy).checks if item.name.startswith("inputs")}

    return judged


def proxy(group, feature, auc):
    return Proxy(group, auc, feature, auc, 500)


HARMLESS = proxy("sex=female", "site", 0.58)
UNSCANNED = Proxy("sex=female", float("nan"), "", float("nan"), None)


class TestFeaturesThatTellNoGroup:
    def test_pass_and_the_nearest_is_named(self, inputs):
        checks = inputs(HARMLESS, proxy("welfare=yes", "lead_days", 0.61), features=("site", "lead_days"))
        assert checks["inputs"].verdict is Verdict.PASSED
        assert "lead_days" in checks["inputs"].reason

    def test_cannot_be_told_where_every_group_was_too_small_to_scan(self, inputs):
        checks = inputs(UNSCANNED, features=("site",))
        assert (checks["inputs"].verdict, checks["inputs"].estimate) == (Verdict.CANNOT_TELL, None)

    def test_pass_beside_a_group_that_was_too_small_and_that_is_said(self, inputs):
        checks = inputs(HARMLESS, UNSCANNED, features=("site",))
        assert checks["inputs"].verdict is Verdict.PASSED
        assert "1 groups are too small to look at" in checks["inputs"].reason


class TestAGroupAmongTheFeatures:
    def test_fails_by_its_name(self, inputs):
        checks = inputs(HARMLESS, features=("site", "sex"))
        assert checks["inputs[sex tells sex]"].verdict is Verdict.FAILED

    def test_fails_by_another_name(self, inputs, policy):
        checks = inputs(proxy("sex=female", "title", 0.99), features=("site", "title"))
        found = checks["inputs[title tells sex]"]
        assert found.verdict is Verdict.FAILED
        assert (found.estimate, found.threshold) == (0.99, policy.gates.bias.tells_group.value)

    def test_passes_with_the_policy_s_reason_where_it_is_allowed(self, inputs, policy):
        checks = inputs(proxy("age=75+", "age", 1.0), features=("age",))
        assert checks["inputs[age tells age]"].verdict is Verdict.PASSED
        assert policy.gates.bias.inputs[0].reason in checks["inputs[age tells age]"].reason

    def test_is_not_excused_by_what_is_allowed_for_another(self, inputs):
        checks = inputs(proxy("age=75+", "age", 1.0), proxy("welfare=yes", "age", 0.97), features=("age",))
        assert checks["inputs[age tells welfare]"].verdict is Verdict.FAILED

    def test_is_told_once_however_many_levels_it_tells(self, inputs):
        checks = inputs(proxy("sex=female", "title", 0.99), proxy("sex=male", "title", 0.98))
        assert list(checks) == ["inputs[title tells sex]"]


class TestWithoutAScan:
    def test_what_other_features_tell_cannot_be_told(self, inputs):
        assert inputs()["inputs"].verdict is Verdict.CANNOT_TELL
        assert inputs()["inputs"].reason == NOT_SCANNED

    def test_the_reason_is_the_probe_s(self, inputs):
        assert inputs(unavailable={"proxies": "no held-out rows"})["inputs"].reason == "no held-out rows"

    def test_a_name_still_fails(self, inputs):
        assert inputs(features=("sex",))["inputs[sex tells sex]"].verdict is Verdict.FAILED
