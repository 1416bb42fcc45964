"""Calibration: whether a score of 0.3 means three in ten, overall and in each group."""

from __future__ import annotations

from validation.gates.decide import Found, at_most, cannot_tell, within
from validation.gates.findings import of_groups, of_subset
from validation.gates.result import Check, GateResult
from validation.measured import Measured
from validation.policy import Policy
from validation.policy_terms import Number, Range

NAME = "calibration"


def calibration(measured: Measured, policy: Policy) -> GateResult:
    """Judge slope, intercept and expected calibration error, and observed over expected.

    The first three in all rows and in every declared group; the last in every group and intersection.
    """
    limits = policy.gates.calibration
    groups = (
        *_groups(measured, policy, "observed_expected", limits.observed_expected, log=True),
        *_groups(measured, policy, "slope", limits.group_slope),
        *_groups(measured, policy, "intercept", limits.group_intercept),
        *_groups(measured, policy, "ece", limits.group_ece),
    )
    return GateResult(NAME, (*_overall(measured, policy), *groups))


def _overall(measured: Measured, policy: Policy) -> list[Check]:
    limits, confidence, overall = policy.gates.calibration, policy.bootstrap.confidence.value, measured.overall
    found = {name: of_subset(overall, name, confidence) for name in ("slope", "intercept", "ece")}
    if min(overall.positives, overall.n - overall.positives) < measured.minimum:
        why = f"fewer than {measured.minimum} rows of one outcome: too few to tell"
        return [cannot_tell(item, None, why) for item in found.values()]
    return [
        _held(found["slope"], limits.slope),
        _held(found["intercept"], limits.intercept),
        _held(found["ece"], limits.ece),
    ]


def _groups(
    measured: Measured, policy: Policy, metric: str, limit: Number | Range, *, log: bool = False
) -> list[Check]:
    checks = []
    for found, large_enough in of_groups(measured, policy, metric, log=log):
        if large_enough:
            checks.append(_held(found, limit))
        else:
            why = f"fewer than {measured.minimum} rows of one outcome in this group: too few to tell"
            checks.append(cannot_tell(found, None, why))
    return checks


def _held(found: Found, limit: Number | Range) -> Check:
    if isinstance(limit, Range):
        return within(found, limit.low, limit.high, limit.reason)
    return at_most(found, limit.value, limit.reason)
