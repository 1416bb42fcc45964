"""The data gate: is what the model learnt from what it is said to be? Speaks for the Great Expectations suites.

A defect of the raw file that the door mended or held back is past: it is counted, and says nothing against the rest.
"""

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
    return GateResult("data", (_summary(result), *open_ones))


def _summary(result: SuiteResult) -> Check:
    held = sum(each.outcome is Outcome.HELD for each in result.findings)
    verdict = Verdict.PASSED if held else Verdict.CANNOT_TELL
    rows = max((size.rows for size in result.tables.values()), default=0)
    absent = "".join(f"; {layer} layer: {why[:1].lower()}{why[1:].rstrip('.')}" for layer, why in result.absent.items())
    reason = f"{held} of {len(result.findings)} rules hold{absent}"
    return Check("rules that hold", verdict, held, None, None, rows, None, reason)


def _check(finding: Finding) -> Check:
    share = finding.unexpected / finding.rows if finding.unexpected is not None and finding.rows else finding.observed
    said = "could not be judged" if finding.outcome is Outcome.ERROR else f"is broken ({finding.severity.value})"
    reason = f"{finding.rule} {said}: {finding.reason}{_done(finding)}"
    return Check(finding.rule, _verdict(finding), share, None, None, finding.rows, None, reason)


def _verdict(finding: Finding) -> Verdict:
    if finding.outcome is Outcome.ERROR:
        return Verdict.CANNOT_TELL
    if finding.done and finding.severity is not Severity.CRITICAL:
        return Verdict.PASSED
    return BROKEN[finding.severity]


def _done(finding: Finding) -> str:
    if not finding.done or finding.outcome is not Outcome.BROKEN:
        return ""
    found = f"{finding.unexpected:,} found; " if finding.unexpected is not None else ""
    return f"; {found}{finding.done}"
