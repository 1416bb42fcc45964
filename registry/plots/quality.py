"""How well the score orders the outcome: ROC, precision and recall, and scores by outcome."""

from __future__ import annotations

from typing import Any

import numpy as np

from registry.evidence import Evidence
from registry.plots.drawing import ACCENT, COLOURS, FLAT, MUTED, SQUARE, WARN, figure_of
from registry.report_curves import precision_recall_curve, roc_curve, score_shares


def roc(evidence: Evidence) -> str:
    """Draw ROC curves of the model and of those that could be had without it."""
    rows = evidence.rows
    with figure_of(*SQUARE) as (figure, out):
        axes = figure.subplots()
        for colour, (name, score) in zip(COLOURS, _scores_by_name(evidence).items(), strict=False):
            false, true = roc_curve(rows.label, score)
            axes.plot(false, true, color=colour, label=name, linewidth=1.6 if name == "model" else 1.0)
        axes.plot([0, 1], [0, 1], color=MUTED, linewidth=0.8, linestyle=":")
        axes.set(xlabel="false positive rate", ylabel="true positive rate", xlim=(0, 1), ylim=(0, 1))
        axes.legend(loc="lower right")
    return out.getvalue()


def precision_recall(evidence: Evidence) -> str:
    """Draw precision over recall of the same."""
    rows = evidence.rows
    with figure_of(*SQUARE) as (figure, out):
        axes = figure.subplots()
        for colour, (name, score) in zip(COLOURS, _scores_by_name(evidence).items(), strict=False):
            recall, precision = precision_recall_curve(rows.label, score)
            axes.plot(recall, precision, color=colour, label=name, linewidth=1.6 if name == "model" else 1.0)
        axes.axhline(rows.label.mean(), color=MUTED, linewidth=0.8, linestyle=":")
        axes.set(xlabel="recall", ylabel="precision", xlim=(0, 1), ylim=(0, 1))
        axes.legend(loc="upper right")
    return out.getvalue()


def scores(evidence: Evidence) -> str:
    """Draw how the scores of both outcomes lie, and where bands begin."""
    under = evidence.policy.groups.suppress_under.value
    with figure_of(*FLAT) as (figure, out):
        axes = figure.subplots()
        for happened, colour, name in ((False, MUTED, "did not happen"), (True, ACCENT, "happened")):
            edges, share = score_shares(evidence.rows.score[evidence.rows.label == happened], under)
            axes.stairs(share, edges, color=colour, label=name, linewidth=1.4)
        for band in evidence.policy.bands.levels[1:]:
            axes.axvline(band.low, color=WARN, linewidth=0.8, linestyle=":")
        axes.set(xlabel="score", ylabel="share of the rows", ylim=(0, None))
        axes.legend(loc="upper right")
    return out.getvalue()


def _scores_by_name(evidence: Evidence) -> dict[str, Any]:
    baselines = evidence.rows.baselines.items()
    others = {name: score for name, score in baselines if np.ptp(score) > 0}
    theirs = {"in use": evidence.rows.champion} if evidence.rows.champion is not None else {}
    return {"model": evidence.rows.score, **theirs, **others}
