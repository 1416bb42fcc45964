"""Which plots the report has, by name, each with the words under it."""

from __future__ import annotations

from collections.abc import Callable

from registry.evidence import Evidence
from registry.plots.calibration import calibration, calibration_in_groups
from registry.plots.groups import bounded, groups, trade_off
from registry.plots.inputs import drift, importance
from registry.plots.probes import of_fields, robustness, shown_refits, stability
from registry.plots.quality import precision_recall, roc, scores
from registry.plots.usefulness import decision

CAPTIONS = {
    "roc": "ROC on the test rows.",
    "precision_recall": "Precision and recall; dotted: the share of positives.",
    "scores": "Scores by outcome; dotted: where a band begins.",
    "importance": "What moves the score: mean absolute contribution of each feature.",
    "drift": "How far the held-out rows lie from training; the stroke is what chance alone gives. Beyond it by the "
    "dotted line is worth a look, by the dashed one another population.",
    "calibration": "All rows in tenths, with 95% bounds.",
    "groups": "Declared groups with bounds that hold for all of them at once; dotted: the policy's limits.",
    "trade_off": "What a coverage floor costs and gives; dotted: the policy's.",
    "robustness": "Share of the flagged rows that others replace when a field is changed, with bounds; dotted: the "
    "policy's limit, diamonds and crosses: not passed.",
    "stability": "AUC of further fits with bounds, beside what each is compared with.",
    "decision": "Net benefit of acting on the score, on everybody and on nobody; shaded: the chances from which on the "
    "policy says that acting is worth it.",
}
BY_GROUP = "calibration_"
PLACES = {
    "accuracy": ("roc", "precision_recall", "scores", "importance"),
    "calibration": ("calibration",),
    "bias": ("groups", "trade_off"),
    "robustness": ("robustness",),
    "stability": ("stability", "drift"),
    "usefulness": ("decision",),
}
"""On which gate's page each plot stands."""
BROAD = ("importance", "drift", "groups", "robustness", "stability")
"""Plots that take the whole width."""


def draw_plots(evidence: Evidence) -> dict[str, str]:
    """Return every plot by its name, as the text of an SVG file."""
    drawn: dict[str, tuple[Callable[[Evidence], str], bool]] = {
        "roc": (roc, True),
        "precision_recall": (precision_recall, True),
        "scores": (scores, True),
        "calibration": (calibration, True),
        "groups": (groups, bool(bounded(evidence))),
        "decision": (decision, True),
        "trade_off": (trade_off, bool(evidence.measured.trade_off)),
        "importance": (importance, bool(evidence.importance)),
        "drift": (drift, bool(evidence.drift)),
        "robustness": (robustness, bool(of_fields(evidence))),
        "stability": (stability, bool(shown_refits(evidence))),
    }
    plots = {name: draw(evidence) for name, (draw, there) in drawn.items() if there and evidence.rows.label.any()}
    return plots | {f"{BY_GROUP}{name}": plot for name, plot in calibration_in_groups(evidence).items()}


def caption(name: str) -> str:
    """Return the words under a plot."""
    return CAPTIONS.get(name) or f"Groups by {name.removeprefix(BY_GROUP)} that are large enough, in fifths."


def places_of(gate: str, plots: dict[str, str]) -> tuple[str, ...]:
    """Return the names of the plots on the page of `gate`, those of half a page first."""
    names = [name for name in PLACES.get(gate, ()) if name in plots]
    if gate == "calibration":
        names += [name for name in plots if name.startswith(BY_GROUP)]
    return tuple(sorted(names, key=lambda name: name in BROAD))
