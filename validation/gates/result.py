"""A gate's answer: three verdicts, and the numbers behind each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import date
from enum import StrEnum
from typing import Any


class Verdict(StrEnum):
    """What a gate can say; only the reviewer can accept ``cannot-tell``."""

    PASSED = "passed"
    FAILED = "failed"
    CANNOT_TELL = "cannot-tell"


@dataclass(frozen=True, slots=True)
class Waived:
    """Who answers for a check that failed: why it may stand, the owner, and the last day of it."""

    reason: str
    owner: str
    until: date


@dataclass(frozen=True, slots=True)
class Check:
    """One comparison inside a gate.

    Attributes
    ----------
    name
        What was compared, such as ``auc`` or ``auc[age=60-74]``.
    verdict
        Decided on `bound`, never on `estimate`.
    estimate, bound
        Point estimate, and the confidence bound on the side that matters.
    threshold
        The policy's value that the bound was held against.
    n, positives
        Rows and positive rows behind it; None where the cell is so small that the numbers would point at people.
    reason
        One sentence for the reviewer: what was found and why it matters.
    interval
        Both confidence bounds, where there are two.
    group
        The group that was judged, as ``partition=level``; empty where it was all rows or a stratum.
    waiver
        Where the check failed and somebody answers for it; its verdict is then cannot-tell.
    """

    name: str
    verdict: Verdict
    estimate: float | None
    bound: float | None
    threshold: float | None
    n: int | None
    positives: int | None
    reason: str
    interval: tuple[float, float] | None = None
    group: str = ""
    waiver: Waived | None = None

    def as_dict(self) -> dict[str, Any]:
        """Return the check as JSON-ready values."""
        answer = asdict(self) | {"verdict": self.verdict.value}
        if self.waiver:
            answer["waiver"] = asdict(self.waiver) | {"until": self.waiver.until.isoformat()}
        return answer


@dataclass(frozen=True, slots=True)
class GateResult:
    """The answer of one gate."""

    gate: str
    checks: tuple[Check, ...]

    @property
    def verdict(self) -> Verdict:
        """Failed if any check failed, else cannot-tell if any cannot tell, else passed."""
        return overall([check.verdict for check in self.checks])

    def as_dict(self) -> dict[str, Any]:
        """Return the result as JSON-ready values."""
        checks = [check.as_dict() for check in self.checks]
        return {"gate": self.gate, "verdict": self.verdict.value, "checks": checks}


def overall(verdicts: Sequence[Verdict]) -> Verdict:
    """Return the worst of `verdicts`; none at all cannot tell."""
    if Verdict.FAILED in verdicts:
        return Verdict.FAILED
    if Verdict.CANNOT_TELL in verdicts or not verdicts:
        return Verdict.CANNOT_TELL
    return Verdict.PASSED
