"""Privacy: whether the model gives away whom it learnt from, and whether its training rows point at people."""

from __future__ import annotations

from dataclasses import replace

from validation.bootstrap import Draws
from validation.gates.decide import Found, at_most, cannot_tell
from validation.gates.findings import NOTHING
from validation.gates.result import Check, GateResult
from validation.measured import Measured
from validation.policy import Policy
from validation.policy_terms import Number
from validation.probed import Anonymity

NAME = "privacy"
NOT_ATTACKED = "the model was not fitted again on parts of its patients, or a part lacks an outcome"
NOT_COUNTED = "the patients of the training part were not counted by what an acquaintance knows of them"


def privacy(measured: Measured, policy: Policy) -> GateResult:
    """Judge membership inference, what rare rows gain from having been trained on, and k-anonymity."""
    limits, probed = policy.gates.privacy, measured.probed
    member = (probed.membership.advantage, probed.membership.n) if probed.membership else None
    rare = (probed.memorised.saved, probed.memorised.n) if probed.memorised else None
    return GateResult(
        NAME,
        (
            _attack("membership", member, limits.membership, measured, policy),
            _attack("memorised", rare, limits.memorised, measured, policy),
            _anonymity(measured, policy),
        ),
    )


def _attack(name: str, found: tuple[Draws, int] | None, limit: Number, measured: Measured, policy: Policy) -> Check:
    if found is None:
        why = measured.probed.unavailable.get(name, NOT_ATTACKED)
        return cannot_tell(Found(name, NOTHING, NOTHING, NOTHING, None, None), limit.value, why)
    draws, n = found
    low, high = draws.interval(policy.bootstrap.confidence.value)
    return at_most(
        Found(name, float(draws.sample[0]), float(low[0]), float(high[0]), n, None), limit.value, limit.reason
    )


def _anonymity(measured: Measured, policy: Policy) -> Check:
    """Hold the exact share against the limit: all patients were counted, so there is no interval to it."""
    counted, limit = measured.probed.anonymity, policy.gates.privacy.below_k
    if counted is None or not counted.patients:
        why = measured.probed.unavailable.get("anonymity", NOT_COUNTED)
        return cannot_tell(Found("below_k", NOTHING, NOTHING, NOTHING, None, None), limit.value, why)
    share = counted.below_k / counted.patients
    check = at_most(Found("below_k", share, share, share, counted.patients, None), limit.value, limit.reason)
    few = policy.groups.suppress_under.value
    words = _words(counted, policy.gates.privacy.k.value, few)
    if _small(counted.below_k, few) or _small(counted.patients - counted.below_k, few):
        return replace(check, estimate=None, bound=None, interval=None, reason=words)
    return replace(check, reason=f"{words}: {check.reason}")


def _words(counted: Anonymity, k: int, few: int) -> str:
    """Say what was counted; fewer than `few` people are not told apart."""
    below, others = counted.below_k, counted.patients - counted.below_k
    if _small(below, few):
        said = f"fewer than {few}"
    else:
        said = f"all but fewer than {few}" if _small(others, few) else f"{below}"
    smallest = f"fewer than {few}" if counted.smallest < few else f"{counted.smallest}"
    shared = f"share {', '.join(counted.columns)} with fewer than {k} in all"
    return f"{said} of {counted.patients} patients {shared}; the smallest class has {smallest}"


def _small(people: int, few: int) -> bool:
    return 0 < people < few
