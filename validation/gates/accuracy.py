"""Accuracy: whether the score orders and weighs the outcome better than what could be had without a model."""

from __future__ import annotations

from dataclasses import replace

from validation.gates.decide import Found, at_least, cannot_tell
from validation.gates.findings import NOTHING, of_subset
from validation.gates.result import Check, GateResult
from validation.measured import Measured, Subset
from validation.policy import Policy
from validation.policy_terms import Number

NAME = "accuracy"
NO_ROWS = Subset(0, 0, 0, {})


def accuracy(measured: Measured, policy: Policy) -> GateResult:
    """Judge AUC, average precision over prevalence and Brier skill, of all rows and of the policy's strata."""
    limits, confidence = policy.gates.accuracy, policy.bootstrap.confidence.value
    overall = measured.overall
    named = {"auc": limits.auc, "pr_auc_lift": limits.pr_auc_lift}
    named |= {f"brier_skill[{name}]": limit for name, limit in limits.brier_skill.items()}
    checks = [
        _judge(overall, of_subset(overall, name, confidence), limit, measured.minimum) for name, limit in named.items()
    ]
    for metric, of, limit_of in (
        ("auc", "auc", limits.strata_auc),
        ("pr_auc_lift", "pr_auc_lift", limits.strata_pr_auc_lift),
        ("brier_skill", "brier_skill[prevalence]", limits.strata_brier_skill),
    ):
        for name, limit in limit_of.items():
            stratum = measured.strata.get(name, NO_ROWS)
            found = of_subset(stratum, of, confidence, name=f"{metric}[{name}]")
            if _small(stratum, overall, policy.groups.suppress_under.value):
                found = replace(found, n=None, positives=None)
            checks.append(_judge(stratum, found, limit, measured.minimum))
        checks += [_unasked(f"{metric}[{name}]") for name in measured.strata if name not in limit_of]
    return GateResult(NAME, tuple(checks))


def _small(stratum: Subset, overall: Subset, under: int) -> bool:
    """Return whether a stratum, or what it leaves of all rows, is so small that numbers would point at people."""
    rest = Subset(overall.n - stratum.n, overall.positives - stratum.positives, 0, {})
    return any(item.n and min(item.n, item.positives, item.n - item.positives) < under for item in (stratum, rest))


def _judge(subset: Subset, found: Found, limit: Number, minimum: int) -> Check:
    if min(subset.positives, subset.n - subset.positives) < minimum:
        return cannot_tell(found, limit.value, f"fewer than {minimum} rows of one outcome: too few to tell")
    return at_least(found, limit.value, limit.reason)


def _unasked(name: str) -> Check:
    """Say of a stratum that the model declares and the policy leaves out that nobody judged it."""
    nothing = Found(name, NOTHING, NOTHING, NOTHING, None, None)
    return cannot_tell(nothing, None, "the policy asks nothing of this stratum")
