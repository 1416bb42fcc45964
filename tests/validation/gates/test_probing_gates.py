"""Robustness and stability decide on bounds of what the probes found."""

from __future__ import annotations

import numpy as np
import pytest

from tests.validation.probes.small_clinic import measured_with
from validation.bootstrap import Draws
from validation.gates.result import Verdict
from validation.gates.robustness import robustness
from validation.gates.stability import stability
from validation.probed import Perturbed, Refit


def around(value, width):
    replicates = np.linspace(value - width, value + width, 201)[:, None]
    return Draws(np.full(1, value), np.full(1, value), replicates)


def perturbed(kind, flips, width=0.01, *, flagged=500, differing=0, feature="age"):
    return Perturbed(kind, feature, around(flips, width), 5_000, flagged, differing)


def refit(kind, difference, *, width=0.001, flips=0.05, positives=500):
    auc, reference = around(0.7 + difference, width), around(0.7, width)
    gone = around(flips, width) if kind == "seed" else None
    return Refit(kind, "one", auc, reference, around(difference, width), gone, 2_000, positives)


def tried(policy, *found):
    """What the gate says of `found`, beside changes of every other kind that do nothing."""
    kinds = ("missing", "shift", "out_of_range", "reordered")
    others = [perturbed(kind, 0.0, 0.0) for kind in kinds if kind not in {item.kind for item in found}]
    return robustness(measured_with(policy, perturbed=(*found, *others)), policy)


class TestRobustness:
    @pytest.mark.parametrize("kind", ["missing", "shift"])
    def test_decides_on_bounds(self, policy, kind):
        limit = getattr(policy.gates.robustness, kind).value
        told = {Verdict.PASSED: (limit / 4, limit / 8), Verdict.FAILED: (3 * limit, limit), None: (limit, limit / 2)}
        for verdict, (flips, width) in told.items():
            assert tried(policy, perturbed(kind, flips, width)).verdict is (verdict or Verdict.CANNOT_TELL)

    def test_names_each_field_that_fails_and_one_that_passes(self, policy):
        found = [perturbed("missing", 0.9, feature=name) for name in ("age", "site")]
        found += [perturbed("missing", 0.1, feature=name) for name in ("hour", "day")]
        names = [check.name for check in tried(policy, *found).checks if check.name.startswith("missing")]
        assert names == ["missing[age]", "missing[site]", "missing[hour]"]

    @pytest.mark.parametrize("kind", ["out_of_range", "reordered"])
    def test_beyond_the_range_and_in_another_order_asks_for_the_same_scores_not_decisions(self, policy, kind):
        assert tried(policy, perturbed(kind, 0.0, 0.0, differing=1)).verdict is Verdict.FAILED

    def test_of_few_flagged_rows_cannot_be_told(self, policy):
        assert tried(policy, perturbed("missing", 0.0, 0.0, flagged=20)).verdict is Verdict.CANNOT_TELL

    @pytest.mark.parametrize("kind", ["missing", "shift", "out_of_range", "reordered"])
    def test_that_was_not_changed_in_one_of_the_ways_cannot_be_told(self, policy, kind):
        others = {"missing", "shift", "out_of_range", "reordered"} - {kind}
        found = [perturbed(each, 0.0, 0.0) for each in sorted(others)]
        checks = {item.name: item.verdict for item in robustness(measured_with(policy, perturbed=found), policy).checks}
        assert checks[kind] is Verdict.CANNOT_TELL
        assert tried(policy).verdict is Verdict.PASSED

    def test_that_was_not_probed_cannot_be_told_and_says_why(self, policy):
        measured = measured_with(policy, unavailable={"perturbed": "the rows are gone"})
        (check,) = robustness(measured, policy).checks
        assert (check.verdict, check.reason) == (Verdict.CANNOT_TELL, "the rows are gone")


class TestStability:
    def verdict(self, policy, name, *refits):
        result = stability(measured_with(policy, refits=refits), policy)
        return {check.name: check.verdict for check in result.checks}.get(f"{name}[one]")

    @pytest.mark.parametrize("difference", [0.05, -0.05])
    def test_a_seed_that_moves_auc_either_way_fails(self, policy, difference):
        assert self.verdict(policy, "seed_auc", refit("seed", difference)) is Verdict.FAILED

    def test_a_seed_that_replaces_a_third_of_the_list_fails(self, policy):
        assert self.verdict(policy, "seed_flips", refit("seed", 0.0, flips=0.33)) is Verdict.FAILED

    @pytest.mark.parametrize("kind", ["fold", "site"])
    def test_a_part_that_does_worse_fails_and_one_that_does_better_passes(self, policy, kind):
        assert self.verdict(policy, f"{kind}_auc", refit(kind, -0.1)) is Verdict.FAILED
        assert self.verdict(policy, f"{kind}_auc", refit(kind, 0.1)) is Verdict.PASSED

    def test_a_part_whose_bounds_hold_the_limit_cannot_be_told(self, policy):
        limit = policy.gates.stability.fold_auc.value
        assert self.verdict(policy, "fold_auc", refit("fold", -limit, width=0.02)) is Verdict.CANNOT_TELL

    def test_a_part_with_few_positives_cannot_be_told(self, policy):
        assert self.verdict(policy, "site_auc", refit("site", -0.3, positives=20)) is Verdict.CANNOT_TELL

    def test_a_part_of_few_people_is_shown_without_its_size_and_so_are_the_others(self, policy):
        found = [refit("site", 0.0), refit("site", 0.0, positives=4), refit("fold", 0.0)]
        checks = stability(measured_with(policy, refits=found), policy).checks
        assert {check.n for check in checks if check.name.startswith("site_auc")} == {None}
        assert 2_000 in {check.n for check in checks if check.name.startswith("fold_auc")}

    def test_that_was_not_probed_cannot_be_told_and_says_why(self, policy):
        measured = measured_with(policy, unavailable={"refits": "there was no time"})
        (check,) = stability(measured, policy).checks
        assert (check.verdict, check.reason) == (Verdict.CANNOT_TELL, "there was no time")
