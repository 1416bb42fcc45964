"""Bias: whether the score orders each group's members, and whether the decision made with it reaches their need.

Two things are judged in every declared group and intersection: the score (its AUC within the group; that probabilities
mean the same in each group is the calibration gate's) and the decision under the policy's allocation (the share found
of those with the outcome, against all others). Bounds hold for all declared groups at once, and for all
intersections at once. Of every declared partition it is judged how far its groups lie apart beyond what chance shows,
and of the inputs whether they tell a group.
"""

from __future__ import annotations

from dataclasses import replace

from validation.gates.decide import Found, at_least, at_most, cannot_tell
from validation.gates.findings import NOTHING, joined, of_groups
from validation.gates.inputs import judge_inputs
from validation.gates.result import Check, GateResult
from validation.measured import Measured, Partition, judged
from validation.policy import Policy
from validation.policy_terms import Number

NAME = "bias"
ONE_GROUP = "fewer than two of its groups are large enough to be compared"


def bias(measured: Measured, policy: Policy) -> GateResult:
    """Judge AUC and the ratio of true positive rates in every group, the spread of each partition, and the inputs."""
    limits = policy.gates.bias
    score = _judge(measured, policy, "auc", limits.auc, log=False)
    decision = _judge(measured, policy, "tpr_ratio", limits.tpr_ratio, log=True)
    return GateResult(NAME, (*score, *decision, *_spreads(measured, policy), *judge_inputs(measured, policy)))


def _judge(measured: Measured, policy: Policy, metric: str, limit: Number, *, log: bool) -> list[Check]:
    checks = []
    for found, large_enough in of_groups(measured, policy, metric, log=log):
        if large_enough:
            checks.append(at_least(found, limit.value, limit.reason))
        else:
            why = f"fewer than {measured.minimum} rows of one outcome in this group: too few to tell"
            checks.append(cannot_tell(found, limit.value, why))
    return checks


def _spreads(measured: Measured, policy: Policy) -> list[Check]:
    """Hold the excess of every declared partition's spread against its ceiling, with bounds that hold for all."""
    limit, overall = policy.gates.bias.spread, measured.overall
    declared = {name: item for name, item in measured.partitions.items() if not item.crossed}
    told = [name for name, item in declared.items() if item.excess is not None]
    family = joined([item.excess for item in declared.values() if item.excess is not None])
    low, high = family.simultaneous(policy.bootstrap.confidence.value)
    checks = []
    for name, partition in declared.items():
        found = Found(f"spread[{name}]", NOTHING, NOTHING, NOTHING, overall.n, overall.positives)
        if name not in told:
            checks.append(cannot_tell(found, limit.value, ONE_GROUP))
            continue
        at = told.index(name)
        found = replace(found, estimate=float(family.sample[at]), low=float(low[at]), high=float(high[at]))
        check = at_most(found, limit.value, limit.reason)
        checks.append(replace(check, reason=f"{_facts(partition, measured.minimum)}; beyond chance {check.reason}"))
    return checks


def _facts(partition: Partition, minimum: int) -> str:
    groups, spread, noise = judged(partition, minimum).sum(), partition.spread, partition.noise
    if spread is None or noise is None or partition.excess is None:
        return ONE_GROUP
    by_lot = spread - float(partition.excess.sample[0])
    return (
        f"the share found lies {spread:.3f} apart between its {groups} judged groups, "
        f"{by_lot:.3f} on average between groups drawn by lot (noise floor {noise:.3f})"
    )
