"""Calibration: whether a score of 0.3 means three in ten, overall and in each group."""

from __future__ import annotations

from validation.gates.decide import at_most, cannot_tell, within
from validation.gates.findings import of_groups, of_subset
from validation.gates.result import Check, GateResult
from validation.measured import Measured
from validation.policy import Policy

NAME = "calibration"


def calibration(measured: Measured, policy: Policy) -> GateResult:
    """Judge slope, intercept and expected calibration error overall, observed over expected in every group."""
    return GateResult(NAME, (*_overall(measured, policy), *_groups(measured, policy)))


def _overall(measured: Measured, policy: Policy) -> list[Check]:
    limits, confidence, overall = policy.gates.calibration, policy.bootstrap.confidence.value, measured.overall
    slope, intercept, ece = (of_subset(overall, name, confidence) for name in ("slope", "intercept", "ece"))
    if min(overall.positives, overall.n - overall.positives) < measured.minimum:
        why = f"fewer than {measured.minimum} rows of one outcome: too few to tell"
        return [cannot_tell(found, None, why) for found in (slope, intercept, ece)]
    return [
        within(slope, limits.slope.low, limits.slope.high, limits.slope.reason),
        within(intercept, limits.intercept.low, limits.intercept.high, limits.intercept.reason),
        at_most(ece, limits.ece.value, limits.ece.reason),
    ]


def _groups(measured: Measured, policy: Policy) -> list[Check]:
    limit = policy.gates.calibration.observed_expected
    checks = []
    for found, large_enough in of_groups(measured, policy, "observed_expected", log=True):
        if large_enough:
            checks.append(within(found, limit.low, limit.high, limit.reason))
        else:
            why = f"fewer than {measured.minimum} rows of one outcome in this group: too few to tell"
            checks.append(cannot_tell(found, None, why))
    return checks
