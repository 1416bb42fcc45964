"""Groups: their metrics with bounds that hold for all of them at once, and what a coverage floor costs and gives."""

from __future__ import annotations

from registry.evidence import Evidence
from registry.plots.drawing import (
    ACCENT,
    COLOURS,
    FLAT,
    INK,
    WARN,
    WIDE,
    Interval,
    figure_of,
    forest,
    height_of,
    name_rows,
)
from registry.report_words import metric_words
from validation.gates.result import Check

METRICS = ("auc", "observed_expected", "tpr_ratio")


def groups(evidence: Evidence) -> str:
    """Draw the judged groups of the declared partitions, one panel a metric."""
    checks = bounded(evidence)
    names = list(dict.fromkeys(check.group for check in checks))
    with figure_of(WIDE, height_of(len(names))) as (figure, out):
        panels = figure.subplots(1, len(METRICS), sharey=True)
        for axes, metric in zip(panels, METRICS, strict=True):
            shown = {check.group: check for check in checks if check.name.startswith(f"{metric}[")}
            forest(axes, [_interval(shown.get(name)) for name in names], _limits(evidence, metric))
            axes.set_title(metric_words(metric), fontsize=9, color=INK)
        name_rows(panels[0], names)
    return out.getvalue()


def trade_off(evidence: Evidence) -> str:
    """Draw recall and the worst group against the best over coverage floors."""
    points = evidence.measured.trade_off
    floors = [point.floor for point in points]
    with figure_of(*FLAT) as (figure, out):
        axes = figure.subplots()
        axes.plot(floors, [point.recall for point in points], color=ACCENT, marker="o", label="share found in all")
        ratios = [point.worst_ratio for point in points]
        axes.plot(floors, ratios, color=COLOURS[1], marker="s", label="worst group against best")
        coverage = evidence.policy.decision.coverage
        if coverage:
            axes.axvline(coverage.floor, color=WARN, linewidth=0.8, linestyle=":")
        axes.set(xlabel="coverage floor (share of the overall rate)", ylim=(0, 1))
        axes.legend(loc="best")
    return out.getvalue()


def bounded(evidence: Evidence) -> list[Check]:
    """Return the checks of declared groups that have bounds."""
    declared = tuple(f"{name}=" for name in evidence.rows.groups)
    checks = [
        check for gate in evidence.gates for check in gate.checks if check.interval and check.estimate is not None
    ]
    return [check for check in checks if check.group.startswith(declared)]


def _interval(check: Check | None) -> Interval | None:
    if check is None or check.interval is None or check.estimate is None:
        return None
    return Interval(check.estimate, *check.interval, check.verdict)


def _limits(evidence: Evidence, metric: str) -> tuple[float, ...]:
    gates = evidence.policy.gates
    both = gates.calibration.observed_expected
    floors = {"auc": gates.bias.auc.value, "tpr_ratio": gates.bias.tpr_ratio.value}
    return (both.low, both.high) if metric == "observed_expected" else (floors[metric],)
