"""What acting on a score is worth: net benefit by threshold, and acts for each outcome that they reach.

References
----------
Vickers and Elkin 2006, Medical Decision Making 26(6): net benefit and the decision curve.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from validation.measured import Usefulness
from validation.policy import Policy
from validation.row_sums import Sums
from validation.scored import Codes, Flags, Floats, ScoredRows


@dataclass(frozen=True)
class DecisionCurve:
    """Net benefit by threshold on the sample, shape (k,) each; acting on nobody is worth 0.

    `fewest` counts the rows of the rarer outcome that a threshold reaches.
    """

    thresholds: Floats
    net_benefit: Floats
    act_on_all: Floats
    fewest: Codes


def decision_curve(rows: ScoredRows, thresholds: Floats) -> DecisionCurve:
    """Return what acting above each of `thresholds` (shape (k,), below 1) is worth, a row."""
    order = np.argsort(rows.score, kind="stable")
    found = np.concatenate([[0], np.cumsum(rows.label[order][::-1])])
    reached = rows.n - np.searchsorted(rows.score[order], thresholds, side="left")
    hits, others = found[reached], reached - found[reached]
    price, n, positives = thresholds / (1 - thresholds), max(rows.n, 1), rows.label.sum()
    on_all = (positives - (rows.n - positives) * price) / n
    return DecisionCurve(thresholds, (hits - others * price) / n, on_all, np.minimum(hits, others))


def judged_thresholds(policy: Policy) -> Floats:
    """Return the thresholds that the policy names, shape (points,)."""
    limits = policy.gates.usefulness
    return np.linspace(limits.thresholds.low, limits.thresholds.high, limits.points.value)


def worth_columns(rows: ScoredRows, flagged: Flags, policy: Policy) -> dict[str, Floats]:
    """Return the values of rows whose sums `usefulness` reads."""
    columns = {"acts": flagged.astype(np.float64), "found": (flagged & rows.label).astype(np.float64)}
    for at in judged_thresholds(policy):
        columns[f"worth {at}"] = _worth(rows, float(at))
    return columns


def read_usefulness(sums: Sums, policy: Policy) -> Usefulness:
    """Return what acting is worth, from the summed columns."""
    thresholds = judged_thresholds(policy)
    odds = thresholds / (1 - thresholds)
    return Usefulness(
        thresholds=thresholds,
        net_benefit=sums.ratios([f"worth {at}" for at in thresholds], "rows"),
        act_on_all=sums.ratio("positives", "rows").map(lambda prevalence: prevalence - (1 - prevalence) * odds),
        acts_per_outcome=sums.ratio("acts", "found"),
    )


def _worth(rows: ScoredRows, threshold: float) -> Floats:
    return np.where(rows.score >= threshold, _worth_of_all(rows, threshold), 0.0)


def _worth_of_all(rows: ScoredRows, threshold: float) -> Floats:
    """Return 1 for an outcome that is reached; the odds of the threshold say what an act in vain costs."""
    return np.where(rows.label, 1.0, -threshold / (1 - threshold))
