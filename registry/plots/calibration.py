"""Whether scores mean what they say: calibration of all rows and of groups."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from registry.evidence import Evidence
from registry.plots.drawing import ACCENT, COLOURS, MUTED, SQUARE, figure_of
from registry.report_curves import calibration_bins
from validation.groups import with_unknown
from validation.measured import judged

if TYPE_CHECKING:
    from matplotlib.axes import Axes

TENTHS, FIFTHS = 10, 5


def calibration(evidence: Evidence) -> str:
    """Draw observed over predicted shares of all rows in tenths, with 95% bounds."""
    rows = evidence.rows
    bins = calibration_bins(rows.label, rows.score, TENTHS, evidence.policy.groups.suppress_under.value)
    with figure_of(*SQUARE) as (figure, out):
        axes = figure.subplots()
        top = _diagonal(axes, float(np.concatenate([bins.high, bins.predicted]).max(initial=0.05)))
        errors = [bins.observed - bins.low, bins.high - bins.observed]
        axes.errorbar(bins.predicted, bins.observed, yerr=errors, color=ACCENT, marker="o", markersize=4, linewidth=1.2)
        axes.set(xlabel="mean score of a tenth of the rows", ylabel="share that happened", xlim=(0, top), ylim=(0, top))
    return out.getvalue()


def calibration_in_groups(evidence: Evidence) -> dict[str, str]:
    """Draw the same in fifths for the groups of each declared partition that are large enough, by partition."""
    partitions = evidence.measured.partitions
    return {
        name: _of_partition(evidence, name)
        for name in evidence.rows.groups
        if judged(partitions[name], evidence.measured.minimum).any()
    }


def _of_partition(evidence: Evidence, name: str) -> str:
    rows, grouping = evidence.rows, with_unknown(evidence.rows.groups[name])
    under = evidence.policy.groups.suppress_under.value
    enough = judged(evidence.measured.partitions[name], evidence.measured.minimum)
    with figure_of(*SQUARE) as (figure, out):
        axes, top = figure.subplots(), 0.05
        for place in np.flatnonzero(enough):
            inside = grouping.codes == place
            bins = calibration_bins(rows.label[inside], rows.score[inside], FIFTHS, under)
            top = max(top, float(bins.observed.max(initial=0)), float(bins.predicted.max(initial=0)))
            colour = COLOURS[place % len(COLOURS)]
            style = "-" if place < len(COLOURS) else "--"
            axes.plot(bins.predicted, bins.observed, style, color=colour, marker="o", markersize=3, linewidth=1.0)
            axes.lines[-1].set_label(grouping.levels[place])
        top = _diagonal(axes, top)
        axes.set(xlabel=f"mean score, fifths by {name}", ylabel="share that happened", xlim=(0, top), ylim=(0, top))
        axes.legend(loc="upper left", fontsize=8)
    return out.getvalue()


def _diagonal(axes: Axes, reach: float) -> float:
    top = min(1.0, reach * 1.1)
    axes.plot([0, top], [0, top], color=MUTED, linewidth=0.8, linestyle=":")
    return top
