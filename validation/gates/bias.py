"""Bias: whether the score orders each group's members, and whether the decision made with it reaches their need.

Two things are judged in every declared group and intersection: the score (its AUC within the group; that probabilities
mean the same in each group is the calibration gate's) and the decision under the policy's allocation (the share found
of those with the outcome, against all others). Bounds hold for all declared groups at once, and for all
intersections at once.
"""

from __future__ import annotations

from validation.gates.decide import at_least, cannot_tell
from validation.gates.findings import of_groups
from validation.gates.result import Check, GateResult
from validation.measured import Measured
from validation.policy import Policy
from validation.policy_terms import Number

NAME = "bias"


def bias(measured: Measured, policy: Policy) -> GateResult:
    """Judge AUC and the ratio of true positive rates in every group."""
    limits = policy.gates.bias
    score = _judge(measured, policy, "auc", limits.auc, log=False)
    decision = _judge(measured, policy, "tpr_ratio", limits.tpr_ratio, log=True)
    return GateResult(NAME, (*score, *decision))


def _judge(measured: Measured, policy: Policy, metric: str, limit: Number, *, log: bool) -> list[Check]:
    checks = []
    for found, large_enough in of_groups(measured, policy, metric, log=log):
        if large_enough:
            checks.append(at_least(found, limit.value, limit.reason))
        else:
            why = f"fewer than {measured.minimum} rows of one outcome in this group: too few to tell"
            checks.append(cannot_tell(found, limit.value, why))
    return checks
