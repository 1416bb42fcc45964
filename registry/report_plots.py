"""The report's plots as SVG: the same bytes for the same facts, no date, no outside asset."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from io import StringIO
from typing import TYPE_CHECKING, Any

import numpy as np

from registry.evidence import Evidence
from registry.report_curves import calibration_bins, precision_recall_curve, roc_curve, score_shares
from registry.worries import LABELS
from validation.gates.result import Check, Verdict
from validation.groups import with_unknown
from validation.measured import judged

if TYPE_CHECKING:
    from matplotlib.axes import Axes

INK, MUTED, ACCENT, WARN, BAD = "#1f2933", "#8a96a3", "#1769aa", "#b7791f", "#b3261e"
COLOURS = (ACCENT, "#d9822b", "#2e7d32", "#8e44ad", "#c0392b", "#00838f", "#6d4c41", "#5c6bc0")
OF_VERDICT = {Verdict.PASSED: ACCENT, Verdict.CANNOT_TELL: WARN, Verdict.FAILED: BAD}
STYLE: dict[Any, Any] = {
    "svg.fonttype": "none",
    "svg.hashsalt": "caregate",
    "font.family": "sans-serif",
    "font.size": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": MUTED,
    "axes.labelcolor": INK,
    "xtick.color": INK,
    "ytick.color": INK,
    "legend.frameon": False,
}
METRICS_OF_FOREST = ("auc", "observed_expected", "tpr_ratio")
FEATURES_SHOWN = 15


def draw_plots(evidence: Evidence) -> dict[str, str]:
    """Return every plot by its name, as the text of an SVG file."""
    draw: dict[str, Callable[[Evidence], str]] = {
        "roc": _roc,
        "precision_recall": _precision_recall,
        "calibration": _calibration,
        "groups": _forest,
        "scores": _scores,
    }
    if evidence.measured.trade_off:
        draw["trade_off"] = _trade_off
    if evidence.importance:
        draw["importance"] = _importance
    plots = {name: drawing(evidence) for name, drawing in draw.items() if evidence.rows.label.any()}
    for name in evidence.rows.groups:
        if judged(evidence.measured.partitions[name], evidence.measured.minimum).any():
            plots[f"calibration_{name}"] = _calibration_of(evidence, name)
    return plots


def inline(name: str, svg: str) -> str:
    """Return `svg` to stand inside an HTML page: no prologue, no metadata, ids of its own, sized by the page."""
    body = svg[svg.index("<svg") :]
    body = re.sub(r"<metadata>.*?</metadata>", "", body, flags=re.DOTALL)
    body = re.sub(r'\s+(xmlns(:xlink)?|version)="[^"]*"', "", body)
    body = re.sub(r'(<svg[^>]*?) width="[^"]*"', r"\1", body, count=1)
    body = re.sub(r'(<svg[^>]*?) height="[^"]*"', r"\1", body, count=1)
    body = re.sub(r'id="([^"]+)"', rf'id="{name}-\1"', body)
    body = body.replace('xlink:href="#', f'href="#{name}-')
    return body.replace("url(#", f"url(#{name}-")


@contextmanager
def _figure(width: float, height: float) -> Iterator[tuple[Any, StringIO]]:
    import matplotlib as mpl
    from matplotlib.figure import Figure

    out = StringIO()
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(width, height), layout="constrained")
        yield figure, out
        figure.savefig(out, format="svg", transparent=True, metadata={"Date": None, "Creator": None})


def _roc(evidence: Evidence) -> str:
    rows = evidence.rows
    with _figure(4.2, 3.6) as (figure, out):
        axes = figure.subplots()
        for colour, (name, score) in zip(COLOURS, _scores_by_name(evidence).items(), strict=False):
            false, true = roc_curve(rows.label, score)
            axes.plot(false, true, color=colour, label=name, linewidth=1.6 if name == "model" else 1.0)
        axes.plot([0, 1], [0, 1], color=MUTED, linewidth=0.8, linestyle=":")
        axes.set(xlabel="false positive rate", ylabel="true positive rate", xlim=(0, 1), ylim=(0, 1))
        axes.legend(loc="lower right")
    return out.getvalue()


def _precision_recall(evidence: Evidence) -> str:
    rows = evidence.rows
    with _figure(4.2, 3.6) as (figure, out):
        axes = figure.subplots()
        for colour, (name, score) in zip(COLOURS, _scores_by_name(evidence).items(), strict=False):
            recall, precision = precision_recall_curve(rows.label, score)
            axes.plot(recall, precision, color=colour, label=name, linewidth=1.6 if name == "model" else 1.0)
        axes.axhline(rows.label.mean(), color=MUTED, linewidth=0.8, linestyle=":")
        axes.set(xlabel="recall", ylabel="precision", xlim=(0, 1), ylim=(0, 1))
        axes.legend(loc="upper right")
    return out.getvalue()


def _scores_by_name(evidence: Evidence) -> dict[str, Any]:
    constant = {name for name, score in evidence.rows.baselines.items() if np.ptp(score) == 0}
    others = {name: score for name, score in evidence.rows.baselines.items() if name not in constant}
    return {"model": evidence.rows.score, **others}


def _calibration(evidence: Evidence) -> str:
    rows = evidence.rows
    bins = calibration_bins(rows.label, rows.score, 10)
    with _figure(4.2, 3.6) as (figure, out):
        axes = figure.subplots()
        top = _diagonal(axes, float(max(bins.high.max(), bins.predicted.max())))
        errors = [bins.observed - bins.low, bins.high - bins.observed]
        axes.errorbar(bins.predicted, bins.observed, yerr=errors, color=ACCENT, marker="o", markersize=4, linewidth=1.2)
        axes.set(xlabel="mean score of a tenth of the rows", ylabel="share that happened", xlim=(0, top), ylim=(0, top))
    return out.getvalue()


def _calibration_of(evidence: Evidence, name: str) -> str:
    rows, grouping = evidence.rows, with_unknown(evidence.rows.groups[name])
    enough = judged(evidence.measured.partitions[name], evidence.measured.minimum)
    with _figure(4.2, 3.6) as (figure, out):
        axes, top = figure.subplots(), 0.05
        for place in np.flatnonzero(enough):
            inside = grouping.codes == place
            bins = calibration_bins(rows.label[inside], rows.score[inside], 5)
            top = max(top, float(bins.observed.max()), float(bins.predicted.max()))
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


def _forest(evidence: Evidence) -> str:
    """Draw the judged groups of the declared partitions, one panel a metric, with bounds that hold for all at once."""
    declared = [f"{name}=" for name in evidence.rows.groups]
    checks = [check for gate in evidence.gates for check in gate.checks if check.interval]
    checks = [check for check in checks if any(check.group.startswith(name) for name in declared)]
    groups = list(dict.fromkeys(check.group for check in checks))
    height = 1.0 + 0.24 * max(len(groups), 3)
    with _figure(8.4, height) as (figure, out):
        panels = figure.subplots(1, len(METRICS_OF_FOREST), sharey=True)
        for axes, metric in zip(panels, METRICS_OF_FOREST, strict=True):
            shown = {check.group: check for check in checks if check.name.startswith(f"{metric}[")}
            _panel(axes, [shown.get(group) for group in groups])
            axes.set_title(LABELS[metric], fontsize=9, color=INK)
        panels[0].set_yticks(range(len(groups)), groups)
        panels[0].set_ylim(len(groups) - 0.5, -0.5)
    return out.getvalue()


def _panel(axes: Axes, checks: list[Check | None]) -> None:
    limits = {check.threshold for check in checks if check is not None and check.threshold is not None}
    for limit in sorted(limits):
        axes.axvline(limit, color=MUTED, linewidth=0.8, linestyle=":")
    for place, check in enumerate(checks):
        if check is not None and check.interval is not None and check.estimate is not None:
            colour = OF_VERDICT[check.verdict]
            axes.plot(check.interval, (place, place), color=colour, linewidth=1.4)
            axes.plot([check.estimate], [place], color=colour, marker="o", markersize=4)


def _scores(evidence: Evidence) -> str:
    under = evidence.policy.groups.suppress_under.value
    with _figure(4.2, 2.8) as (figure, out):
        axes = figure.subplots()
        for happened, colour, name in ((False, MUTED, "did not happen"), (True, ACCENT, "happened")):
            edges, share = score_shares(evidence.rows.score[evidence.rows.label == happened], under)
            axes.stairs(share, edges, color=colour, label=name, linewidth=1.4)
        for band in evidence.policy.bands.levels[1:]:
            axes.axvline(band.low, color=WARN, linewidth=0.8, linestyle=":")
        axes.set(xlabel="score", ylabel="share of the rows", ylim=(0, None))
        axes.legend(loc="upper right")
    return out.getvalue()


def _trade_off(evidence: Evidence) -> str:
    points = evidence.measured.trade_off
    floors = [point.floor for point in points]
    with _figure(4.2, 2.8) as (figure, out):
        axes = figure.subplots()
        axes.plot(floors, [point.recall for point in points], color=ACCENT, marker="o", label="share found in all")
        ratios = [point.worst_ratio for point in points]
        axes.plot(floors, ratios, color=COLOURS[1], marker="o", label="worst group against best")
        coverage = evidence.policy.decision.coverage
        if coverage:
            axes.axvline(coverage.floor, color=WARN, linewidth=0.8, linestyle=":")
        axes.set(xlabel="coverage floor (share of the overall rate)", ylim=(0, 1))
        axes.legend(loc="best")
    return out.getvalue()


def _importance(evidence: Evidence) -> str:
    ranked = sorted(evidence.importance.items(), key=lambda item: (-item[1], item[0]))[:FEATURES_SHOWN]
    words = {feature.name: feature.text for feature in evidence.spec.features}
    with _figure(8.4, 0.8 + 0.22 * len(ranked)) as (figure, out):
        axes = figure.subplots()
        axes.barh(range(len(ranked)), [value for _, value in ranked], color=ACCENT, height=0.6)
        axes.set_yticks(range(len(ranked)), [words.get(name, name) for name, _ in ranked])
        axes.set(xlabel="mean absolute contribution, log-odds", ylim=(len(ranked) - 0.5, -0.5))
    return out.getvalue()
