"""Stability: whether another seed, period, part of the patients or site would have given about the same model."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from operator import neg

from validation.bootstrap import Draws
from validation.gates.decide import Found, at_least, at_most, cannot_tell, within
from validation.gates.families import worst_of
from validation.gates.findings import NOTHING
from validation.gates.result import Check, GateResult
from validation.measured import Measured
from validation.policy import Policy
from validation.policy_terms import Count, Number
from validation.probed import Refit

NAME = "stability"
NO_SITES = (
    "no two sites are told apart in the held-out rows: how it does at a place that training did not see is not known"
)


@dataclass(frozen=True)
class _Question:
    """What is asked of the refits of a kind: as many as `asked`, each put to `judge`."""

    kind: str
    name: str
    what: str
    asked: Count
    limit: Number
    value: Callable[[Refit], Draws | None]
    judge: Callable[[Found, Number], Check]
    badness: Callable[[float], float]
    none: str = "not one of them holds both outcomes"


def stability(measured: Measured, policy: Policy) -> GateResult:
    """Judge AUC and flips between seeds, and how far AUC falls in folds and on sites that training did not see.

    A bound holds for all refits of a kind at once (Bonferroni). Every refit that does not pass is named; those of a
    kind that pass share a line, under the name of the worst.
    """
    probed = measured.probed
    if not probed.refits:
        why = probed.unavailable.get("refits", "the model was not fitted anew")
        return GateResult(NAME, (cannot_tell(_nothing("refits"), None, why),))
    questions = _questions(policy)
    return GateResult(NAME, tuple(check for each in questions for check in _answers(measured, policy, each)))


def _questions(policy: Policy) -> tuple[_Question, ...]:
    limits = policy.gates.stability
    seeds, folds, sites = limits.seeds, limits.folds, limits.sites
    return (
        _Question("seed", "seed_auc", "seeds", seeds, limits.seed_auc, _difference, _moves, abs),
        _Question("seed", "seed_flips", "seeds", seeds, limits.seed_flips, _flips, _at_most, float),
        _Question("fold", "fold_auc", "folds", folds, limits.fold_auc, _difference, _falls, neg),
        _Question("site", "site_auc", "parts of the sites", sites, limits.site_auc, _difference, _falls, neg, NO_SITES),
    )


def _answers(measured: Measured, policy: Policy, question: _Question) -> Sequence[Check]:
    refits = [item for item in measured.probed.refits if item.kind == question.kind]
    checks = [_answer(item, measured.minimum, policy, question) for item in refits]
    if any(_small(item, policy.groups.suppress_under.value) for item in refits):  # the others and the whole tell it
        checks = [replace(check, n=None, positives=None) for check in checks]
    answered = worst_of(checks, question.what, question.badness)
    lacking = question.asked.value - len(refits)
    if lacking <= 0:
        return answered
    why = f"{lacking} of {question.asked.value} {question.what} could not be judged: too few rows of both outcomes"
    return (*answered, cannot_tell(_nothing(question.name), None, why if refits else question.none))


def _small(refit: Refit, under: int) -> bool:
    return min(refit.n, refit.positives, refit.n - refit.positives) < under


def _answer(refit: Refit, minimum: int, policy: Policy, question: _Question) -> Check:
    name, draws = f"{question.name}[{refit.name}]", question.value(refit)
    found = Found(name, NOTHING, NOTHING, NOTHING, refit.n, refit.positives)
    if draws is None or min(refit.positives, refit.n - refit.positives) < minimum:
        return cannot_tell(found, None, f"fewer than {minimum} rows of one outcome: too few to tell")
    confidence = 1 - (1 - policy.bootstrap.confidence.value) / max(question.asked.value, 1)
    low, high = draws.interval(confidence)
    found = Found(name, float(draws.sample[0]), float(low[0]), float(high[0]), refit.n, refit.positives)
    return question.judge(found, question.limit)


def _difference(refit: Refit) -> Draws:
    return refit.difference


def _flips(refit: Refit) -> Draws | None:
    return refit.flips


def _moves(found: Found, limit: Number) -> Check:
    return within(found, -limit.value, limit.value, limit.reason)


def _at_most(found: Found, limit: Number) -> Check:
    return at_most(found, limit.value, limit.reason)


def _falls(found: Found, limit: Number) -> Check:
    return at_least(found, -limit.value, limit.reason)


def _nothing(name: str) -> Found:
    return Found(name, NOTHING, NOTHING, NOTHING, None, None)
