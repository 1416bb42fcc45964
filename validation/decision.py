"""The decision that a policy makes with a score, and what other coverage floors would cost and give."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from validation.allocation import allocate
from validation.groups import minimum_positives, with_unknown
from validation.measured import TradeOff
from validation.policy import Policy
from validation.scored import Flags, Floats, Grouping, ScoredRows

FLOORS = (0.0, 0.25, 0.5, 0.75, 1.0)
"""Coverage floors of the trade-off curve."""


def choose(score: Floats, groups: Mapping[str, Grouping], policy: Policy) -> Flags:
    """Return the rows that the policy's allocation acts on, shape (n,).

    Gates judge what this chooses of held-out rows, and a worklist acts on what it chooses of a day's.
    """
    coverage = policy.decision.coverage
    floor = coverage.floor if coverage else 0.0
    return allocate(score, policy.decision.capacity.value, _covered(groups, policy), floor)


def flag(rows: ScoredRows, policy: Policy, score: Floats | None = None) -> Flags:
    """Return the rows that the policy's allocation acts on, shape (n,), by another `score` where one is given."""
    return choose(rows.score if score is None else score, rows.groups, policy)


def trade_off(rows: ScoredRows, policy: Policy) -> tuple[TradeOff, ...]:
    """Return recall and the worst ratio of group recalls under several coverage floors."""
    grouping = _covered(rows.groups, policy)
    if grouping is None or not rows.label.any():
        return ()
    codes, positives = with_unknown(grouping).codes, rows.label
    groups = np.bincount(codes[positives])
    enough = groups >= minimum_positives(policy.groups.power)
    points = []
    for floor in FLOORS:
        chosen = allocate(rows.score, policy.decision.capacity.value, grouping, floor)
        found = np.bincount(codes[positives & chosen], minlength=len(groups))
        recalls = found[enough] / groups[enough]
        worst = float(recalls.min() / recalls.max()) if enough.any() and recalls.max() > 0 else 0.0
        points.append(TradeOff(floor, float(chosen[positives].mean()), worst))
    return tuple(points)


def _covered(groups: Mapping[str, Grouping], policy: Policy) -> Grouping | None:
    coverage = policy.decision.coverage
    return groups.get(coverage.grouping) if coverage else None
