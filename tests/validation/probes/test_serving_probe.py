"""The files in a clean process: the same model passes; changed, broken, slow and large ones are found out."""

from __future__ import annotations

import json
import math
import shutil
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.artifact import BOOSTER, CALIBRATION, FILES, PREPROCESSING
from models.spec import Kind
from tests.validation.probes.small_clinic import clinic_subject, measured_with
from validation.gates.result import Verdict
from validation.gates.serving import judge_served, serving
from validation.probed import Served
from validation.probes.clean_process import examined
from validation.probes.reference_inputs import reference_inputs
from validation.probes.serving import probe_serving, rounded_up, serve_check


@pytest.fixture(scope="module")
def subject(tmp_path_factory):
    return clinic_subject(tmp_path_factory.mktemp("served"), rows=2_000)


@pytest.fixture
def copy(subject, tmp_path):
    """The subject with files of its own, which a test may spoil."""
    folder = tmp_path / "copy"
    shutil.copytree(subject.folder, folder)
    return replace(subject, folder=folder)


@pytest.fixture(scope="module")
def found_and_left(subject, tmp_path_factory):
    """What the probe finds, and the files that stand in the temporary folder and the model's own afterwards."""
    temporary = tmp_path_factory.mktemp("temporary")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TMPDIR", str(temporary))
        patch.setattr("tempfile.tempdir", None)
        served = probe_serving(subject)
    return served, [*temporary.iterdir(), *subject.folder.iterdir()]


@pytest.fixture
def found(found_and_left):
    return found_and_left[0]


def failed(subject, served=None):
    result = judge_served(served or probe_serving(subject), subject.policy)
    return {check.name for check in result.checks if check.verdict is Verdict.FAILED}


class TestTheSameFiles:
    def test_give_the_same_scores_to_the_bit(self, found):
        assert found.largest_difference == 0.0

    def test_pass_the_gate(self, subject, found):
        assert serving(measured_with(subject.policy, served=found), subject.policy).verdict is Verdict.PASSED

    def test_are_as_large_as_they_are(self, subject, found):
        assert found.size_mb == pytest.approx(sum(path.stat().st_size for path in subject.folder.iterdir()) / 1e6)

    def test_leave_nothing_behind(self, subject, found_and_left):
        assert {path.name for path in found_and_left[1]} == set(FILES)


class TestChangedFiles:
    def test_other_weights_are_found_out(self, copy, tmp_path):
        other = clinic_subject(tmp_path / "other", lambda columns: -columns["lead_days"] / 10, rows=2_000)
        shutil.copyfile(other.folder / BOOSTER, copy.folder / BOOSTER)
        assert failed(copy) == {"score_difference"}

    def test_another_calibration_is_found_out(self, copy):
        (copy.folder / CALIBRATION).write_text('{"slope": 1.0, "intercept": 0.0001}', encoding="utf-8")
        inputs = reference_inputs(copy.model, seed=1, rows=20)
        difference = np.abs(examined(copy.folder, inputs)["scores"] - copy.model.predict_encoded(inputs)).max()
        assert difference > copy.policy.gates.serving.score_difference.value

    def test_another_encoding_is_found_out(self, copy):
        preprocessing = json.loads((copy.folder / PREPROCESSING).read_text(encoding="utf-8"))
        preprocessing["columns"][-1]["levels"].reverse()
        (copy.folder / PREPROCESSING).write_text(json.dumps(preprocessing), encoding="utf-8")
        assert "encode rows otherwise" in probe_serving(copy).failure


class TestFilesThatCannotBeServed:
    def test_fail_the_gate_in_words(self, copy):
        (copy.folder / BOOSTER).unlink()
        served = probe_serving(copy)
        assert BOOSTER in served.failure
        assert failed(copy, served) == {"loads"}

    @pytest.mark.parametrize("name", FILES)
    def test_a_missing_one_is_named(self, copy, name):
        (copy.folder / name).unlink()
        assert name in examined(copy.folder, np.zeros((1, 7), np.float32))["failure"]

    @pytest.mark.parametrize("name", FILES)
    def test_a_broken_one_is_named(self, copy, name):
        (copy.folder / name).write_bytes(b"{nothing")
        assert name in examined(copy.folder, np.zeros((1, 7), np.float32))["failure"]

    def test_a_crash_fails_and_tells_its_kind_alone(self, subject):
        served = serve_check(subject.folder, np.full((3, 2), 4711.5, np.float32), np.zeros(3))
        assert "ended with 1 (ValueError)" in served.failure
        assert "4711" not in served.failure

    def test_one_that_does_not_end_in_time_fails(self, subject):
        inputs = subject.model.encode(subject.rows.slice(0, 10))
        served = serve_check(subject.folder, inputs, np.zeros(10), time_limit=0.01)
        assert "within 0.01 seconds" in served.failure

    def test_a_score_that_is_no_number_is_infinitely_far_off(self, subject):
        inputs = subject.model.encode(subject.rows.slice(0, 10))
        served = serve_check(subject.folder, inputs, np.full(10, np.nan))
        assert math.isinf(served.largest_difference)
        assert failed(subject, served) == {"score_difference"}


class TestBudgets:
    @pytest.mark.parametrize("budget", ["latency_ms", "load_seconds", "size_mb"])
    def test_a_model_over_one_is_found_out(self, subject, found, budget):
        content = subject.policy.model_dump()
        content["gates"]["serving"][budget]["value"] = 1e-9
        assert failed(replace(subject, policy=type(subject.policy).model_validate(content)), found) == {budget}

    def test_what_was_not_probed_cannot_be_told(self, subject):
        assert serving(measured_with(subject.policy), subject.policy).verdict is Verdict.CANNOT_TELL


class TestTheProcess:
    def test_may_not_touch_the_network(self):
        act = (
            "import sys, socket; from validation.probes.clean_process import refuse_network\n"
            "sys.addaudithook(refuse_network); socket.create_connection(('127.0.0.1', 9))"
        )
        done = subprocess.run([sys.executable, "-I", "-c", act], capture_output=True, text=True, check=False)
        assert "no business with the network" in done.stderr


class TestRoundedTimes:
    @given(st.floats(1e-9, 1e9))
    def test_are_the_next_of_one_two_and_five(self, value):
        told = rounded_up(value)
        assert value <= told <= 2.5 * value * (1 + 1e-9)
        assert f"{told:e}"[:8] in {"1.000000", "2.000000", "5.000000"}
        assert rounded_up(told) == told

    def test_of_nothing_are_nothing(self):
        assert rounded_up(0.0) == 0.0

    def test_are_told_no_finer_than_anybody_feels(self, found):
        assert found.latency_ms >= 10
        assert found.load_seconds >= 0.1


class TestReferenceInputs:
    def test_serve_a_folder_as_well_as_rows_do(self, subject):
        inputs = reference_inputs(subject.model, seed=1, rows=500)
        served = serve_check(subject.folder, inputs, subject.model.predict_encoded(inputs))
        assert not failed(subject, served)

    def test_are_the_same_for_a_seed_and_others_for_another(self, subject):
        drawn = [reference_inputs(subject.model, seed=seed, rows=50) for seed in (1, 1, 2)]
        assert np.array_equal(drawn[0], drawn[1], equal_nan=True)
        assert not np.array_equal(drawn[0], drawn[2], equal_nan=True)

    def test_lie_within_the_columns_and_lack_some(self, subject):
        inputs = reference_inputs(subject.model, seed=1, rows=2_000)
        assert 0.05 < np.isnan(inputs).mean() < 0.15
        for column, values in zip(subject.model.columns, inputs.T, strict=True):
            known = values[~np.isnan(values)]
            if column.kind == Kind.CATEGORY:
                assert set(known) == set(range(len(column.levels)))
            else:
                assert column.low <= known.min() < known.max() <= column.high

    def test_a_column_that_training_never_saw_filled_stays_empty(self, subject):
        columns = (replace(subject.model.columns[0], low=None, high=None), *subject.model.columns[1:])
        assert np.isnan(reference_inputs(replace(subject.model, columns=columns), seed=1, rows=50)[:, 0]).all()


class TestAFailure:
    def test_is_one_line_that_fails(self, subject):
        served = Served(0, math.nan, math.nan, math.nan, 0.0, "its process ended with -11")
        assert [(check.name, check.verdict) for check in judge_served(served, subject.policy).checks] == [
            ("loads", Verdict.FAILED)
        ]
