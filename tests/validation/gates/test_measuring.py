from dataclasses import replace

import numpy as np
import pytest

from benchmarks.simulated import simulate
from validation.measuring import measure
from validation.policy import Policy, load_policy
from validation.probed import Probed
from validation.scored import Grouping


def shuffled(rows, seed):
    order = np.random.default_rng(seed).permutation(rows.n)
    return replace(
        rows,
        label=rows.label[order],
        score=rows.score[order],
        patient=rows.patient[order],
        groups={name: Grouping(item.codes[order], item.levels) for name, item in rows.groups.items()},
        strata={name: flags[order] for name, flags in rows.strata.items()},
        baselines={name: scores[order] for name, scores in rows.baselines.items()},
        champion=rows.champion[order],
    )


@pytest.fixture(scope="module")
def quick():
    content = load_policy("no-show").model_dump()
    content["bootstrap"]["replicates"]["value"] = 25
    content["groups"]["noise_draws"]["value"] = 5
    return Policy.model_validate(content)


@pytest.fixture(scope="module")
def rows():
    drawn = simulate(2500, seed=11)
    return replace(drawn, champion=drawn.baselines["logistic"])


def every_draw(measured):
    """Yield every statistic by name."""
    yield from measured.overall.metrics.items()
    for name, stratum in measured.strata.items():
        yield from ((f"{name} {key}", draws) for key, draws in stratum.metrics.items())
    for name, partition in measured.partitions.items():
        yield from ((f"{name} {key}", draws) for key, draws in partition.metrics.items())
        if partition.excess is not None:
            yield f"{name} excess", partition.excess
    useful, versus = measured.usefulness, measured.versus
    yield from zip("nao", (useful.net_benefit, useful.act_on_all, useful.acts_per_outcome), strict=True)
    yield from zip("abr", (versus.auc, versus.brier, versus.recall), strict=True)


class TestWhatIsMeasured:
    def test_does_not_depend_on_the_order_of_rows(self, rows, quick):
        first, again = measure(rows, quick), measure(shuffled(rows, 0), quick)
        for (name, one), (_, other) in zip(every_draw(first), every_draw(again), strict=True):
            assert other.sample == pytest.approx(one.sample, nan_ok=True), name
            assert other.replicates == pytest.approx(one.replicates, nan_ok=True), name

    def test_does_not_depend_on_how_patients_are_numbered(self, rows, quick):
        first, again = measure(rows, quick), measure(replace(rows, patient=rows.patient * 7 + 3), quick)
        for (name, one), (_, other) in zip(every_draw(first), every_draw(again), strict=True):
            assert other.replicates == pytest.approx(one.replicates, nan_ok=True), name

    def test_has_as_many_replicates_as_the_policy_asks(self, rows, quick):
        for name, draws in every_draw(measure(rows, quick)):
            assert len(draws.replicates) == 25, name

    def test_of_groups_adds_up_to_the_whole(self, rows, quick):
        measured = measure(rows, quick)
        for partition in measured.partitions.values():
            assert (partition.n.sum(), partition.positives.sum()) == (rows.n, rows.label.sum())

    def test_carries_what_the_probes_found(self, rows, quick):
        probed = Probed(unavailable={"served": "no other process could be started"})
        assert measure(rows, quick, probed=probed).probed is probed


class TestACapOnTheRowsOfReplicates:
    def test_leaves_the_estimates_those_of_all_rows(self, rows, quick):
        content = quick.model_dump()
        content["bootstrap"]["max_rows"]["value"] = 1500
        whole, capped = measure(rows, quick), measure(rows, Policy.model_validate(content))
        assert capped.bootstrap_rows <= 1500
        for (name, one), (_, other) in zip(every_draw(whole), every_draw(capped), strict=True):
            assert other.sample == pytest.approx(one.sample, nan_ok=True), name
