"""Robustness: whether decisions stay where a field is absent, a number is off, or a file is in another order."""

from __future__ import annotations

from validation.gates.decide import Found, at_most, cannot_tell
from validation.gates.families import family_bounds, worst_of
from validation.gates.findings import NOTHING
from validation.gates.result import Check, GateResult
from validation.measured import Measured
from validation.policy import Policy
from validation.policy_terms import Number
from validation.probed import Perturbed

NAME = "robustness"
UNTRIED = {
    "missing": "no feature may be absent, so none was taken away: how often that makes the model abstain is not known",
    "shift": "the model has no number that could be moved",
    "out_of_range": "the model has no number that could lie out of range",
    "reordered": "the model was not tried on rows in another order",
}
"""Why a kind of change was not tried."""
EVERYTHING = "all recorded numbers at once"


def robustness(measured: Measured, policy: Policy) -> GateResult:
    """Judge the share of the flagged rows that another row replaces after each kind of change.

    Every change that does not pass is named; those of a kind that pass share a line, under the name of the worst.
    Scores out of range and after reordering have to be the same bit for bit, which needs no bound.
    """
    limits, probed = policy.gates.robustness, measured.probed
    if not probed.perturbed:
        why = probed.unavailable.get("perturbed", "the model was not tried on changed inputs")
        return GateResult(NAME, (cannot_tell(Found("flips", NOTHING, NOTHING, NOTHING, None, None), None, why),))
    checks = (
        *_flips(measured, policy, "missing", limits.missing),
        *_flips(measured, policy, "shift", limits.shift),
        *_differing(measured, "out_of_range", limits.out_of_range),
        *_differing(measured, "reordered", limits.reordered),
    )
    return GateResult(NAME, checks)


def _flips(measured: Measured, policy: Policy, kind: str, limit: Number) -> tuple[Check, ...]:
    changed = _of_kind(measured, kind)
    if not changed:
        return (_untried(kind),)
    if min(item.flagged for item in changed) < measured.minimum:
        found = Found(kind, NOTHING, NOTHING, NOTHING, changed[0].n, None)
        return (cannot_tell(found, limit.value, f"fewer than {measured.minimum} flagged rows: too few to tell"),)
    low, high = family_bounds([item.flips for item in changed], policy.bootstrap.confidence.value)
    checks = [
        at_most(_found(item, float(item.flips.sample[0]), float(below), float(above)), limit.value, limit.reason)
        for item, below, above in zip(changed, low, high, strict=True)
    ]
    return worst_of(checks, "changes")


def _differing(measured: Measured, kind: str, limit: Number) -> tuple[Check, ...]:
    checks = []
    for item in _of_kind(measured, kind):
        share = item.differing / item.n
        checks.append(at_most(_found(item, share, share, share), limit.value, limit.reason))
    return worst_of(checks, "changes") or (_untried(kind),)


def _untried(kind: str) -> Check:
    """Say that nothing was changed in this way: a gate that looked at nothing may not pass."""
    return cannot_tell(Found(kind, NOTHING, NOTHING, NOTHING, None, None), None, UNTRIED[kind])


def _of_kind(measured: Measured, kind: str) -> list[Perturbed]:
    return [item for item in measured.probed.perturbed if item.kind == kind]


def check_name(item: Perturbed) -> str:
    """Return the name of the check of one change."""
    return f"{item.kind}[{item.feature or EVERYTHING}]"


def _found(item: Perturbed, estimate: float, low: float, high: float) -> Found:
    return Found(check_name(item), estimate, low, high, item.n, None)
