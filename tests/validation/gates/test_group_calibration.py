from dataclasses import replace

import numpy as np
import pytest

from benchmarks.simulated import simulate
from validation.calibration_line import calibration_line, calibration_offset
from validation.gates.calibration import calibration
from validation.gates.result import Verdict
from validation.measuring import measure
from validation.scored import Grouping, ScoredRows


def check(gate, name):
    return next(item for item in gate.checks if item.name == name)


def regrouped(rows, codes, levels):
    return replace(rows, groups={"part": Grouping(codes, levels)})


def welfare_too_extreme(n, seed=7):
    """Scores whose log-odds are doubled for those on welfare, a third of the rows, and right for all others."""
    rows = simulate(n, seed=seed)
    inside = np.random.default_rng(seed).random(n) < 0.33
    logit = np.log(rows.score / (1 - rows.score))
    centre = np.log(rows.label.mean() / (1 - rows.label.mean()))
    stretched = np.where(inside, centre + 2.2 * (logit - centre), logit)
    return regrouped(replace(rows, score=1 / (1 + np.exp(-stretched))), inside.astype(np.int64), ("no", "yes"))


@pytest.fixture(scope="module")
def in_one_group(policy):
    rows = simulate(4000, seed=3)
    return measure(regrouped(rows, np.zeros(rows.n, dtype=np.int64), ("everyone",)), policy)


@pytest.fixture(scope="module")
def too_extreme_gate(policy):
    return calibration(measure(welfare_too_extreme(20_000), policy), policy)


class TestAGroupThatIsTheWhole:
    @pytest.mark.parametrize("metric", ["slope", "intercept", "ece"])
    def test_has_the_whole_s_calibration_in_every_replicate(self, in_one_group, metric):
        measured = in_one_group
        whole, group = measured.overall.metrics[metric], measured.partitions["part"].metrics[metric]
        assert group.sample == pytest.approx(whole.sample)
        assert group.replicates == pytest.approx(whole.replicates)

    def test_has_the_whole_s_auc(self, in_one_group):
        measured = in_one_group
        whole, group = measured.overall.metrics["auc"], measured.partitions["part"].metrics["auc"]
        assert group.replicates == pytest.approx(whole.replicates)


class TestTheEstimates:
    @pytest.mark.parametrize("place", [0, 1])
    def test_of_a_group_are_those_of_its_rows_alone(self, policy, place):
        rows = welfare_too_extreme(5000)
        measured = measure(rows, policy).partitions["part"].metrics
        inside = rows.groups["part"].codes == place
        line = calibration_line(rows.label[inside], rows.score[inside])
        assert measured["slope"].sample[place] == pytest.approx(line[1])
        offset = calibration_offset(rows.label[inside], rows.score[inside])
        assert measured["intercept"].sample[place] == pytest.approx(offset)


class TestAnHonestScore:
    def test_passes_in_large_groups_and_fails_in_none(self, measured_of, policy):
        gate = calibration(measured_of(30_000), policy)
        assert not [item.name for item in gate.checks if item.verdict is Verdict.FAILED]
        for metric in ("slope", "intercept", "ece"):
            assert check(gate, f"{metric}[sex=female]").verdict is Verdict.PASSED

    def test_is_judged_in_declared_groups_and_not_in_intersections(self, measured_of, policy):
        names = {item.name for item in calibration(measured_of(8000), policy).checks}
        assert "observed_expected[sex × welfare=male × yes]" in names
        assert "slope[sex × welfare=male × yes]" not in names


class TestAScoreThatIsTooExtremeInOneGroup:
    @pytest.mark.parametrize("metric", ["slope", "ece"])
    def test_fails_there_and_passes_elsewhere(self, too_extreme_gate, metric):
        assert check(too_extreme_gate, f"{metric}[part=yes]").verdict is Verdict.FAILED
        assert check(too_extreme_gate, f"{metric}[part=no]").verdict is Verdict.PASSED


class TestAGroupWhoseRiskIsNotSeen:
    def test_fails_by_its_intercept(self, measured_of, policy):
        gate = calibration(measured_of(30_000, unseen=0.8), policy)
        assert check(gate, "intercept[welfare=yes]").verdict is Verdict.FAILED
        assert check(gate, "intercept[welfare=no]").verdict is Verdict.PASSED


class TestAGroupThatIsTooSmall:
    def test_cannot_be_told_whatever_its_scores(self, policy):
        rows = simulate(4000, seed=1)
        small = (np.arange(4000) < 60).astype(np.int64)
        wrong = replace(rows, score=np.where(small == 1, 0.99, rows.score))
        gate = calibration(measure(regrouped(wrong, small, ("rest", "few")), policy), policy)
        for metric in ("slope", "intercept", "ece", "observed_expected"):
            assert check(gate, f"{metric}[part=few]").verdict is Verdict.CANNOT_TELL

    def test_of_outcomes_that_the_score_separates_is_no_crash(self, policy):
        few = ScoredRows(
            label=np.array([True, False] * 4),
            score=np.array([0.9, 0.1] * 4),
            patient=np.arange(8),
            groups={"part": Grouping(np.array([0, 0, 1, 1, 0, 0, 1, 1]), ("a", "b"))},
        )
        assert calibration(measure(few, policy), policy).verdict is Verdict.CANNOT_TELL
