"""Usefulness: whether acting on the score is worth more than acting on everybody or on nobody.

Net benefit counts outcomes that are reached, less the acts in vain at the price that the threshold says (Vickers and
Elkin 2006). It is judged at every threshold of the policy's range, with bounds that hold at all of them at once.
"""

from __future__ import annotations

import numpy as np

from validation.bootstrap import Draws
from validation.gates.decide import Found, at_least, at_most, cannot_tell
from validation.gates.findings import NOTHING
from validation.gates.result import Check, GateResult
from validation.measured import Measured, Usefulness
from validation.policy import Policy

NAME = "usefulness"


def usefulness(measured: Measured, policy: Policy) -> GateResult:
    """Judge net benefit at every threshold, and the acts that prevent one outcome."""
    overall = measured.overall
    if measured.usefulness is None:
        return GateResult(NAME, (_silent("net_benefit", measured, "what acting is worth was not measured"),))
    if min(overall.positives, overall.n - overall.positives) < measured.minimum:
        why = f"fewer than {measured.minimum} rows of one outcome: too few to tell"
        return GateResult(NAME, tuple(_silent(name, measured, why) for name in ("net_benefit", "acts_per_prevented")))
    worth = _net_benefit(measured, measured.usefulness, policy)
    return GateResult(NAME, (*worth, _acts(measured, measured.usefulness, policy)))


def _net_benefit(measured: Measured, found: Usefulness, policy: Policy) -> list[Check]:
    limit = policy.gates.usefulness.net_benefit
    over = found.net_benefit.beside(found.act_on_all, lambda ours, everyone: ours - np.maximum(everyone, 0.0))
    low, high = over.simultaneous(policy.bootstrap.confidence.value)
    return [
        at_least(
            _found(f"net_benefit[{threshold:g}]", over.sample[place], low[place], high[place], measured),
            limit.value,
            limit.reason,
        )
        for place, threshold in enumerate(found.thresholds)
    ]


def _acts(measured: Measured, found: Usefulness, policy: Policy) -> Check:
    limits = policy.gates.usefulness
    prevented: Draws = found.acts_per_outcome.map(lambda acts: acts / limits.effect.value)
    low, high = prevented.interval(policy.bootstrap.confidence.value)
    acts = _found("acts_per_prevented", prevented.sample[0], low[0], high[0], measured)
    return at_most(acts, limits.acts_per_prevented.value, limits.acts_per_prevented.reason)


def _found(name: str, estimate: float, low: float, high: float, measured: Measured) -> Found:
    return Found(name, float(estimate), float(low), float(high), measured.overall.n, measured.overall.positives)


def _silent(name: str, measured: Measured, why: str) -> Check:
    return cannot_tell(_found(name, NOTHING, NOTHING, NOTHING, measured), None, why)
