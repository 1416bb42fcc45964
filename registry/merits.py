"""What is good about a model, in one sentence of numbers: the first screen otherwise says only what to worry about."""

from __future__ import annotations

import math

from registry.evidence import Evidence


def merits(evidence: Evidence) -> str:
    """Return how well the score orders, and what part of the outcome the policy's allocation finds; may be empty."""
    said = [part for part in (_order(evidence), _found(evidence)) if part]
    return "; ".join(said)


def _order(evidence: Evidence) -> str:
    draws = evidence.measured.overall.metrics.get("auc")
    if draws is None:
        return ""
    low, high = (float(bound[0]) for bound in draws.interval(evidence.policy.bootstrap.confidence.value))
    if not all(math.isfinite(value) for value in (draws.sample[0], low, high)):
        return ""
    return f"AUC {draws.sample[0]:.3f} ({low:.3f} to {high:.3f})"


def _found(evidence: Evidence) -> str:
    """Say nothing where the share would be of, or leave out, so few that it points at people."""
    flagged, under = evidence.measured.flagged, evidence.policy.groups.suppress_under.value
    positives = int(evidence.rows.label.sum())
    hits = int(evidence.rows.label[flagged].sum())
    if min(hits, positives - hits) < under:
        return ""
    return (
        f"of those with the outcome, {hits / positives:.0%} are among the {flagged.mean():.0%} of rows "
        "that the policy's allocation acts on"
    )
