"""What the suites found: counts and shares, never a row's value."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Any

from validation.gates.result import Verdict
from validation.suites.rule import Layer, Severity


class Outcome(StrEnum):
    """A rule held, was broken, or could not be judged: a fault of the measuring is none of the data."""

    HELD = "held"
    BROKEN = "broken"
    ERROR = "error"


@dataclass(frozen=True, slots=True)
class Finding:
    """The answer to one rule.

    Attributes
    ----------
    rule, table, expectation, arguments, severity, reason
        What was expected, and why.
    outcome
        Held, broken or error.
    rows
        Rows that it was judged on.
    unexpected
        Rows among them that are not as expected; none for rules on a mean.
    missing
        Rows among them without a value; none for rules on a mean.
    observed
        The mean, for rules on one.
    fault
        The kind of the error, without its text.
    layer
        Where its table stands.
    done
        What the door does about such rows; empty where nothing is done.
    """

    rule: str
    table: str
    expectation: str
    arguments: Mapping[str, Any]
    severity: Severity
    reason: str
    outcome: Outcome
    rows: int
    unexpected: int | None = None
    missing: int | None = None
    observed: float | None = None
    fault: str | None = None
    layer: Layer = Layer.CANONICAL
    done: str = ""


@dataclass(frozen=True, slots=True)
class TableSize:
    """How many rows a table has and how many the rules that allow exceptions were judged on."""

    rows: int
    judged: int


@dataclass(frozen=True)
class SuiteResult:
    """All findings.

    Attributes
    ----------
    findings
        Of all tables.
    tables
        Their sizes, by name.
    absent
        Why a layer has no findings, by its name.
    """

    findings: tuple[Finding, ...]
    tables: Mapping[str, TableSize]
    absent: Mapping[str, str] = field(default_factory=dict)

    @property
    def verdict(self) -> Verdict:
        """Failed if a critical rule is broken, cannot-tell if one could not be judged or none was, else passed."""
        critical = [each.outcome for each in self.findings if each.severity is Severity.CRITICAL]
        if Outcome.BROKEN in critical:
            return Verdict.FAILED
        if Outcome.ERROR in critical or not critical:
            return Verdict.CANNOT_TELL
        return Verdict.PASSED

    def broken(self, severity: Severity | None = None) -> tuple[Finding, ...]:
        """Return what was broken, of one severity or of all."""
        wanted = set(Severity) if severity is None else {severity}
        return tuple(each for each in self.findings if each.outcome is Outcome.BROKEN and each.severity in wanted)

    def as_dict(self) -> dict[str, Any]:
        """Return the result as JSON-ready values."""
        return {
            "verdict": self.verdict.value,
            "tables": {name: asdict(size) for name, size in self.tables.items()},
            "absent": dict(self.absent),
            "findings": [asdict(each) | _words(each) for each in self.findings],
        }


def joined(results: Sequence[SuiteResult], absent: Mapping[str, str]) -> SuiteResult:
    """Return the findings of several layers as one result; `absent` says why a layer has none."""
    findings = tuple(finding for result in results for finding in result.findings)
    tables = {name: size for result in results for name, size in result.tables.items()}
    return SuiteResult(findings, tables, absent)


def _words(finding: Finding) -> dict[str, str]:
    return {
        "severity": finding.severity.value,
        "outcome": finding.outcome.value,
        "layer": finding.layer.value,
    }
