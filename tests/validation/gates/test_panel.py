from dataclasses import replace

import numpy as np
import pytest

from benchmarks.simulated import simulate
from validation.gates.panel import judge, status
from validation.gates.result import Verdict
from validation.measuring import measure
from validation.parts import Parts, overlap
from validation.policy import Policy

ENOUGH = 30_000


@pytest.fixture
def gates_of(measured_of, policy):
    def gates(n=ENOUGH, **faults):
        return {result.gate: result for result in judge(measured_of(n, **faults), policy)}

    return gates


def verdict(gate, name):
    return next(check.verdict for check in gate.checks if check.name == name)


class TestAnHonestModel:
    def test_fails_nothing(self, gates_of):
        for gate in gates_of().values():
            assert [check.name for check in gate.checks if check.verdict is Verdict.FAILED] == []

    def test_passes_overall_and_in_every_large_group(self, gates_of):
        gates = gates_of()
        for gate, name in [
            ("accuracy", "auc"),
            ("accuracy", "auc[booked_ahead]"),
            ("accuracy", "pr_auc_lift[booked_ahead]"),
            ("accuracy", "brier_skill[booked_ahead]"),
            ("calibration", "slope"),
            ("calibration", "ece"),
            ("calibration", "observed_expected[sex=female]"),
            ("bias", "auc[welfare=yes]"),
            ("bias", "tpr_ratio[sex=male]"),
            ("leakage", "auc"),
        ]:
            assert verdict(gates[gate], name) is Verdict.PASSED, name


class TestAPlantedFault:
    def test_noise_in_the_scores_fails_accuracy(self, gates_of):
        accuracy = gates_of(noise=2.5)["accuracy"]
        assert verdict(accuracy, "auc") is Verdict.FAILED
        assert verdict(accuracy, "brier_skill[logistic]") is Verdict.FAILED
        assert verdict(accuracy, "brier_skill[booked_ahead]") is Verdict.FAILED

    def test_scores_that_are_too_extreme_fail_calibration(self, gates_of):
        assert verdict(gates_of(slope=1.5)["calibration"], "slope") is Verdict.FAILED

    def test_a_risk_that_the_scores_do_not_see_fails_calibration_in_its_group_alone(self, gates_of):
        calibration = gates_of(unseen=0.8)["calibration"]
        assert verdict(calibration, "observed_expected[welfare=yes]") is Verdict.FAILED
        assert verdict(calibration, "observed_expected[welfare=no]") is Verdict.PASSED

    def test_a_score_that_says_nothing_for_a_group_fails_bias_in_it(self, gates_of):
        bias = gates_of(blind=1.0)["bias"]
        assert verdict(bias, "auc[sex=female]") is Verdict.FAILED
        assert verdict(bias, "tpr_ratio[sex=female]") is Verdict.FAILED
        assert verdict(bias, "auc[sex=male]") is Verdict.PASSED

    def test_an_outcome_among_the_inputs_fails_leakage(self, gates_of):
        assert verdict(gates_of(leak=1.5)["leakage"], "auc") is Verdict.FAILED


class TestAStratumThatThePolicyLeavesOut:
    def test_cannot_be_told(self, measured_of, policy):
        content = policy.model_dump()
        content["gates"]["accuracy"]["strata_auc"] = {}
        accuracy = judge(measured_of(ENOUGH), Policy.model_validate(content))[0]
        assert verdict(accuracy, "auc[booked_ahead]") is Verdict.CANNOT_TELL
        assert verdict(accuracy, "pr_auc_lift[booked_ahead]") is Verdict.PASSED


class TestAStratumOfFewPeople:
    @pytest.mark.parametrize("left_out", [False, True])
    def test_is_named_without_its_size_and_so_is_one_that_leaves_few_out(self, measured_of, policy, left_out):
        measured = measured_of(ENOUGH)
        n, positives = (measured.overall.n - 9, measured.overall.positives - 4) if left_out else (9, 4)
        small = replace(measured.strata["booked_ahead"], n=n, positives=positives)
        accuracy = judge(replace(measured, strata={"booked_ahead": small}), policy)[0]
        shown = {check.n for check in accuracy.checks if check.name.endswith("[booked_ahead]")}
        assert shown == {None}


class TestTooFewRows:
    @pytest.mark.parametrize("faults", [{}, {"noise": 2.5}, {"blind": 1.0}], ids=str)
    def test_say_nothing_either_way(self, gates_of, faults):
        gates = gates_of(300, **faults)
        for name in gates.keys() - {"leakage", "champion"}:  # few rows can be too good, and no champion is no question
            assert {check.verdict for check in gates[name].checks} <= {Verdict.CANNOT_TELL}

    def test_name_every_group_that_could_not_be_judged(self, gates_of):
        named = {check.group for check in gates_of(300)["bias"].checks}
        assert {"sex=female", "age=75+", "welfare=yes", "sex × age=male × 75+"} <= named

    @pytest.mark.parametrize("patients", [1, 2, 29])
    def test_of_few_patients_say_nothing_however_many_they_are(self, policy, patients):
        rows = simulate(4000, seed=7)
        few = replace(rows, patient=np.arange(rows.n) % patients)
        for gate in judge(measure(few, policy), policy):
            if gate.gate != "champion":  # none is in use, which is no question of rows
                assert {check.verdict for check in gate.checks} == {Verdict.CANNOT_TELL}, gate.gate

    def test_one_outcome_alone_is_no_crash(self, policy):
        rows = simulate(200, seed=1)
        alone = type(rows)(np.zeros(200, dtype=bool), rows.score, rows.patient, rows.groups, rows.strata)
        assert status(judge(measure(alone, policy), policy)) is Verdict.CANNOT_TELL


class TestASample:
    def test_of_fewer_rows_never_has_a_narrower_bound(self, measured_of, policy):
        widths = []
        for n in (2000, 8000, ENOUGH):
            low, high = measured_of(n).overall.metrics["auc"].interval(policy.bootstrap.confidence.value)
            widths.append(high[0] - low[0])
        assert widths == sorted(widths, reverse=True)

    def test_is_measured_the_same_twice(self, policy):
        first, second = (judge(measure(simulate(2000, seed=1), policy), policy) for _ in range(2))
        assert first == second


class TestLeakageBetweenParts:
    def parts(self, split, train, test, inputs):
        return Parts(split, ("lead", "age"), np.array(train), np.array(test), *inputs)

    def inputs(self, train, test):
        chance = np.random.default_rng(0)
        return [chance.normal(size=(n, 2)).astype(np.float32) for n in (train, test)]

    def test_counts_shared_patients_and_rows_that_stand_on_both_sides(self):
        train, test = self.inputs(3, 3)
        test[0], train[2] = train[0], np.nan
        test[1] = np.nan
        found = overlap(self.parts("time", [1, 2, 3], [1, 3, 4], (train, test)))
        assert (found.shared_patients, found.test_patients) == (2, 3)
        assert (found.identical_rows, found.test_rows) == (2, 3)

    def test_the_same_inputs_of_another_patient_are_no_identical_row(self):
        train, test = self.inputs(2, 2)
        test[0] = train[0]
        assert overlap(self.parts("time", [1, 2], [2, 3], (train, test))).identical_rows == 0

    @pytest.mark.parametrize(("split", "expected"), [("patient", Verdict.FAILED), ("time", Verdict.PASSED)])
    def test_a_patient_on_both_sides_breaks_a_split_by_patient(self, policy, split, expected):
        rows = simulate(1500, seed=1)
        parts = self.parts(split, np.arange(1000), rows.patient, self.inputs(1000, rows.n))
        leakage = next(gate for gate in judge(measure(rows, policy, parts), policy) if gate.gate == "leakage")
        assert verdict(leakage, "patients_on_both_sides") is expected

    def test_a_feature_that_knows_the_outcome_is_named(self, policy):
        rows = simulate(6000, seed=1)
        train, test = self.inputs(10, rows.n)
        test[:, 1] += 3 * rows.label
        parts = self.parts("time", np.arange(10), rows.patient, (train, test))
        leakage = next(gate for gate in judge(measure(rows, policy, parts), policy) if gate.gate == "leakage")
        assert verdict(leakage, "single_feature_auc[age]") is Verdict.FAILED
