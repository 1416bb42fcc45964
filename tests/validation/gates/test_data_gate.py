"""The data gate: a broken rule fails, is put to a person or is counted, by its severity and by what the door did."""

from __future__ import annotations

import pytest

from validation.gates.data import data
from validation.gates.result import Verdict
from validation.suites.result import Finding, Outcome, SuiteResult, TableSize
from validation.suites.rule import Layer, Severity

DONE = "held back (`booked-after-day`: 3)"
ROWS = 1_000


def finding(
    severity: Severity, outcome: Outcome = Outcome.BROKEN, *, layer: Layer = Layer.CANONICAL, done: str = ""
) -> Finding:
    return Finding(
        rule=f"{layer}-{severity}-{outcome}",
        table=layer.value,
        expectation="ExpectColumnValuesToBeBetween",
        arguments={"column": "lead_days"},
        severity=severity,
        reason="one of the two is wrong",
        outcome=outcome,
        rows=ROWS,
        unexpected=3,
        layer=layer,
        done=done,
    )


def answer(*findings: Finding, absent: dict[str, str] | None = None) -> SuiteResult:
    held = finding(Severity.CRITICAL, Outcome.HELD)
    return SuiteResult(
        (held, *findings), {each.table: TableSize(ROWS, ROWS) for each in (held, *findings)}, absent or {}
    )


class TestVerdict:
    @pytest.mark.parametrize("layer", Layer)
    @pytest.mark.parametrize(
        ("severity", "verdict"),
        [
            (Severity.CRITICAL, Verdict.FAILED),
            (Severity.WARNING, Verdict.CANNOT_TELL),
            (Severity.INFO, Verdict.PASSED),
        ],
    )
    def test_of_a_broken_rule_follows_its_severity(self, layer: Layer, severity: Severity, verdict: Verdict) -> None:
        assert data(answer(finding(severity, layer=layer))).verdict is verdict

    def test_passes_where_the_door_mended_or_held_back(self) -> None:
        assert data(answer(finding(Severity.WARNING, layer=Layer.RAW, done=DONE))).verdict is Verdict.PASSED

    def test_no_door_mends_a_file_that_is_another(self) -> None:
        assert data(answer(finding(Severity.CRITICAL, layer=Layer.RAW, done=DONE))).verdict is Verdict.FAILED

    def test_what_could_not_be_judged_cannot_tell_whatever_would_be_done(self) -> None:
        error = finding(Severity.WARNING, Outcome.ERROR, layer=Layer.RAW, done=DONE)
        assert data(answer(error)).verdict is Verdict.CANNOT_TELL

    def test_of_nothing_cannot_tell(self) -> None:
        assert data(SuiteResult((), {})).verdict is Verdict.CANNOT_TELL


class TestReasons:
    def test_say_what_was_found_and_what_was_done(self) -> None:
        check = data(answer(finding(Severity.WARNING, layer=Layer.RAW, done=DONE))).checks[1]
        assert check.reason.endswith(f"one of the two is wrong; 3 found; {DONE}")
        assert check.estimate == 3 / ROWS

    def test_count_the_rules_that_hold(self) -> None:
        assert data(answer(finding(Severity.INFO))).checks[0].reason == "1 of 2 rules hold"

    def test_name_a_layer_that_was_not_kept(self) -> None:
        summary = data(answer(absent={"raw": "Not kept by this source."})).checks[0]
        assert summary.reason == "1 of 1 rules hold; raw layer: not kept by this source"
        assert summary.verdict is Verdict.PASSED
