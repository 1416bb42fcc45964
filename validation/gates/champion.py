"""Champion: whether the model is not worse than the version in use, on the same rows.

Differences are made draw by draw on the same patients (paired), so what makes rows hard or easy for both drops out. The
model need not be better: it passes if it is shown to be worse by less than the policy's margins (non-inferiority).
"""

from __future__ import annotations

from validation.bootstrap import Draws
from validation.gates.decide import Found, at_least, at_most, cannot_tell
from validation.gates.findings import NOTHING
from validation.gates.result import Check, GateResult, Verdict
from validation.measured import Measured, Versus
from validation.policy import Policy

NAME = "champion"
ALONE = "no version is in use: there is none to compare with"


def champion(measured: Measured, policy: Policy) -> GateResult:
    """Judge AUC, Brier score and the share found against those of the version in use."""
    if measured.versus is None:
        return GateResult(NAME, (_without(measured),))
    return GateResult(NAME, _against(measured, measured.versus, policy))


def _without(measured: Measured) -> Check:
    nothing = Found(NAME, NOTHING, NOTHING, NOTHING, measured.overall.n, measured.overall.positives)
    why = measured.probed.unavailable.get(NAME)
    if why:
        return cannot_tell(nothing, None, why)
    return Check(NAME, Verdict.PASSED, None, None, None, nothing.n, nothing.positives, ALONE)


def _against(measured: Measured, versus: Versus, policy: Policy) -> tuple[Check, ...]:
    limits = policy.gates.champion
    auc, brier, recall = (
        _found(name, draws, measured, policy)
        for name, draws in (
            ("auc_difference", versus.auc),
            ("brier_increase", versus.brier),
            ("recall_difference", versus.recall),
        )
    )
    overall = measured.overall
    if min(overall.positives, overall.n - overall.positives) < measured.minimum:
        why = f"fewer than {measured.minimum} rows of one outcome: too few to tell"
        return tuple(cannot_tell(found, None, why) for found in (auc, brier, recall))
    return (
        at_least(auc, -limits.auc.value, limits.auc.reason),
        at_most(brier, limits.brier.value, limits.brier.reason),
        at_least(recall, -limits.recall.value, limits.recall.reason),
    )


def _found(name: str, draws: Draws, measured: Measured, policy: Policy) -> Found:
    low, high = draws.interval(policy.bootstrap.confidence.value)
    overall = measured.overall
    return Found(name, float(draws.sample[0]), float(low[0]), float(high[0]), overall.n, overall.positives)
