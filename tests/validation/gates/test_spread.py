from dataclasses import replace

import numpy as np
import pytest

from benchmarks.simulated import simulate
from validation.gates.bias import ONE_GROUP, bias
from validation.gates.result import Verdict
from validation.measuring import measure
from validation.scored import Grouping


def spread(measured, policy, name):
    return next(item for item in bias(measured, policy).checks if item.name == f"spread[{name}]")


class TestGroupsThatDifferByChanceAlone:
    def test_pass(self, measured_of, policy):
        for name in ("sex", "age", "welfare"):
            assert spread(measured_of(30_000), policy, name).verdict is Verdict.PASSED

    def test_never_fail_however_small_they_are(self, policy):
        for seed in range(4):
            measured = measure(simulate(2500, seed=seed), policy)
            assert spread(measured, policy, "age").verdict is not Verdict.FAILED

    def test_have_an_excess_about_zero(self, measured_of):
        for partition in measured_of(30_000).partitions.values():
            low, high = partition.excess.interval(0.99)
            assert low[0] < 0 < high[0]


class TestAGroupThatTheScoreIsBlindFor:
    def test_fails(self, measured_of, policy):
        found = spread(measured_of(30_000, blind=1.0), policy, "sex")
        assert found.verdict is Verdict.FAILED
        assert found.bound > policy.gates.bias.spread.value

    def test_is_told_with_the_noise_beside_it(self, measured_of, policy):
        measured = measured_of(30_000, blind=1.0)
        reason, partition = spread(measured, policy, "sex").reason, measured.partitions["sex"]
        assert f"{partition.spread:.3f}" in reason
        assert f"noise floor {partition.noise:.3f}" in reason

    def test_leaves_other_partitions_alone(self, measured_of, policy):
        assert spread(measured_of(30_000, blind=1.0), policy, "welfare").verdict is Verdict.PASSED


class TestAPartitionWithOneLargeGroup:
    @pytest.fixture
    def rows(self):
        rows = simulate(4000, seed=1)
        few = (np.arange(4000) < 50).astype(np.int64)
        return replace(rows, groups={"part": Grouping(few, ("rest", "few"))})

    def test_has_nothing_to_compare(self, rows, policy):
        found = spread(measure(rows, policy), policy, "part")
        assert (found.verdict, found.reason) == (Verdict.CANNOT_TELL, ONE_GROUP)
