"""What acting on the score is worth: the decision curve."""

from __future__ import annotations

import numpy as np

from registry.evidence import Evidence
from registry.plots.drawing import ACCENT, COLOURS, FLAT, INK, MUTED, figure_of
from validation.usefulness import decision_curve

ROOM = 1.6
"""How far beyond the policy's range the curve is drawn."""


def decision(evidence: Evidence) -> str:
    """Draw net benefit of acting on the score, on all and on none; shaded: the thresholds that the policy asks of."""
    policy, rows = evidence.policy, evidence.rows
    asked = policy.gates.usefulness.thresholds
    thresholds = np.linspace(asked.low / ROOM, min(asked.high * ROOM, 0.99), 100)
    curve = decision_curve(rows, thresholds)
    worth = np.where(curve.fewest >= policy.groups.suppress_under.value, curve.net_benefit, np.nan)
    with figure_of(*FLAT) as (figure, out):
        axes = figure.subplots()
        axes.axvspan(asked.low, asked.high, color=MUTED, alpha=0.12, linewidth=0)
        axes.plot(thresholds, curve.act_on_all, color=COLOURS[1], label="act on all", linewidth=1.0)
        axes.axhline(0, color=INK, label="act on none", linewidth=1.0, linestyle="--")
        axes.plot(thresholds, worth, color=ACCENT, label="act on the score", linewidth=1.6)
        _bounds(axes, evidence)
        top = float(np.nan_to_num(worth).max(initial=0.01))
        axes.set(xlabel="chance from which on acting is worth it", ylabel="net benefit", ylim=(-0.25 * top, 1.15 * top))
        axes.legend(loc="upper right")
    return out.getvalue()


def _bounds(axes: object, evidence: Evidence) -> None:
    useful = evidence.measured.usefulness
    if useful is None:
        return
    low, high = useful.net_benefit.interval(evidence.policy.bootstrap.confidence.value)
    found = useful.net_benefit.sample
    errors = [np.maximum(found - low, 0), np.maximum(high - found, 0)]
    axes.errorbar(useful.thresholds, found, yerr=errors, fmt="o", color=ACCENT, markersize=3, linewidth=1.0)  # type: ignore[attr-defined]
