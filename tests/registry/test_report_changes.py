"""Two versions laid side by side, by what each wrote down."""

import json
from datetime import UTC, datetime

import pytest

from registry.approvals import VersionKey
from registry.champion import Champion, Standing
from registry.changes import POLICY_LINES, Changed, changes, policy_lines, predecessor_of
from registry.digest import VersionManifest
from registry.promotions import Promotion


def facts(**given):
    auc = {"estimate": 0.73, "low": 0.72, "high": 0.74}
    standing = {
        "policy": "sha256:p",
        "snapshot": "sha256:s",
        "rows": {"n": 4000},
        "metrics": {"auc": auc},
        "gates": [{"gate": "accuracy", "verdict": "passed"}, {"gate": "bias", "verdict": "cannot-tell"}],
        "features": ["age", "lead_days"],
        "hyperparameters": {"max_depth": 5, "rounds": 300},
    }
    return standing | given


class TestTheSameModel:
    def test_has_no_changes(self):
        found = changes(facts(), facts())
        assert (found.verdicts, found.gates_added, found.hyperparameters) == ((), (), ())
        assert (found.features_added, found.features_removed) == ((), ())
        assert not found.policy
        assert not found.snapshot


class TestWhatIsOtherwise:
    def test_is_named(self):
        before = facts(
            policy="sha256:q",
            snapshot="sha256:t",
            features=["lead_days", "welfare"],
            hyperparameters={"max_depth": 4, "rounds": 300, "eta": 0.1},
        )
        found = changes(facts(), before)
        assert found.policy
        assert found.snapshot
        assert (found.features_added, found.features_removed) == (("age",), ("welfare",))
        assert found.hyperparameters == (Changed("max_depth", "4", "5"), Changed("eta", "0.1", None))

    def test_in_verdicts_is_told_apart_from_what_was_not_asked(self):
        before = facts(gates=[{"gate": "accuracy", "verdict": "cannot-tell"}, {"gate": "luck", "verdict": "passed"}])
        found = changes(facts(), before)
        assert found.verdicts == (Changed("accuracy", "cannot-tell", "passed"), Changed("luck", "passed", None))
        assert found.gates_added == ("bias",)

    def test_in_metrics_stands_side_by_side(self):
        older = {"auc": {"estimate": 0.70, "low": 0.69, "high": 0.71}, "unknown": {"estimate": 1.0}}
        (pair,) = changes(facts(), facts(metrics=older)).metrics
        assert (pair.name, pair.before["estimate"], pair.now["estimate"]) == ("auc", 0.70, 0.73)


class TestAnotherPolicy:
    def lines(self, now, before):
        policy = {"policy": "sha256:q"}
        older = facts(**policy) if before is None else facts(policy_numbers=before, **policy)
        return policy_lines(changes(facts(policy_numbers=now), older))

    def test_is_told_by_each_number_that_is_another(self):
        before = {"robustness.missing": 0.35, "bias.auc": 0.6, "bias.spread": 0.15}
        now = {"robustness.missing": 0.1, "bias.auc": 0.6, "privacy.k": 5}
        assert self.lines(now, before) == (
            "policy: robustness.missing 0.35 → 0.1",
            "policy: privacy.k – → 5",
            "policy: bias.spread 0.15 → –",
        )

    def test_is_told_in_a_few_lines_that_count_the_rest(self):
        before = {f"gate.limit_{place}": 0.1 for place in range(POLICY_LINES + 3)}
        lines = self.lines(dict.fromkeys(before, 0.2), before)
        assert len(lines) == POLICY_LINES + 1
        assert lines[-1] == "policy: and 3 more"

    def test_in_words_alone_has_no_other_number(self):
        assert self.lines({"bias.auc": 0.6}, {"bias.auc": 0.6})[0].startswith("no number of the policy is another")

    def test_of_a_version_that_wrote_no_numbers_down_is_not_called_the_same(self):
        assert self.lines({"bias.auc": 0.6}, None)[0].startswith("the older version did not write its policy's numbers")

    def test_that_is_the_same_says_nothing(self):
        assert policy_lines(changes(facts(), facts())) == ()


class TestAnOlderRelease:
    @pytest.mark.parametrize("before", [{}, {"accuracy": "passed"}])
    def test_that_wrote_little_down_is_no_obstacle(self, before):
        found = changes(facts(), before)
        assert (found.features_added, found.features_removed) == (None, None)
        assert (found.metrics, found.hyperparameters) == ((), ())
        assert found.rows == (None, 4000)


class TestThePredecessor:
    def champion(self, folder):
        digest = "sha256:" + "d" * 64
        standing = Standing(("rita",), datetime(2026, 10, 1, 9, tzinfo=UTC), datetime(2027, 4, 1, tzinfo=UTC))
        manifest = VersionManifest("no-show", "ann", "operational", digest, digest, {})
        key, noon = VersionKey("no-show", 3, 0), datetime(2026, 10, 2, tzinfo=UTC)
        promotion = Promotion(key, digest, "run", "recipe", "promoter", noon, 1)
        return Champion("no-show", 3, digest, folder, manifest, standing, promotion, {})

    def test_is_the_champion_with_what_it_wrote_down(self, tmp_path):
        (tmp_path / "evidence").mkdir()
        (tmp_path / "evidence" / "gates.json").write_text(json.dumps(facts()), encoding="utf-8")
        found = predecessor_of(self.champion(tmp_path))
        assert (found.version, found.signed_by, found.approved_on.isoformat()) == (3, ("rita",), "2026-10-01")
        assert found.gates == facts()

    def test_without_evidence_is_still_named(self, tmp_path):
        assert predecessor_of(self.champion(tmp_path)).gates == {}
