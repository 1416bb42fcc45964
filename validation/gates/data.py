"""The data gate: is what the model learnt from what it is said to be? Speaks for the Great Expectations suites."""

from __future__ import annotations

from validation.gates.result import Check, GateResult, Verdict
from validation.suites.result import Finding, Outcome, SuiteResult
from validation.suites.rule import Severity

BROKEN = {
    Severity.CRITICAL: Verdict.FAILED,
    Severity.WARNING: Verdict.CANNOT_TELL,
    Severity.INFO: Verdict.PASSED,
}
"""What a broken rule says: a warning is a person's to judge, by name."""


def data(result: SuiteResult) -> GateResult:
    """Return a check for every rule of the suites that is broken or could not be judged, and one for the rest."""
    open_ones = tuple(_check(each) for each in result.findings if each.outcome is not Outcome.HELD)
    held = sum(each.outcome is Outcome.HELD for each in result.findings)
    rows = sum(size.rows for size in result.tables.values())
    verdict = Verdict.PASSED if held else Verdict.CANNOT_TELL
    summary = Check(
        "rules that hold", verdict, held, None, None, rows, None, f"{held} of {len(result.findings)} rules hold"
    )
    return GateResult("data", (summary, *open_ones))


def _check(finding: Finding) -> Check:
    verdict = BROKEN[finding.severity] if finding.outcome is Outcome.BROKEN else Verdict.CANNOT_TELL
    share = finding.unexpected / finding.rows if finding.unexpected is not None and finding.rows else finding.observed
    said = "could not be judged" if finding.outcome is Outcome.ERROR else f"is broken ({finding.severity.value})"
    reason = f"{finding.rule} {said}: {finding.reason}"
    return Check(finding.rule, verdict, share, None, None, finding.rows, None, reason)
