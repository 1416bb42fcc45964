"""The report: one HTML page that stands alone, readable on a phone and on paper, without script."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from registry.card import TITLES, CardField, completeness
from registry.evidence import Evidence
from registry.report_plots import inline
from registry.report_tables import group_tables, policy_rows
from registry.worries import label, worries
from validation.gates.panel import status
from validation.gates.result import Verdict

TEMPLATES = Path(__file__).parent / "templates"
QUESTIONS = {
    "data": "Is the data what it is said to be? The rules and what they found are in data-quality.html.",
    "accuracy": "Does the score order and weigh the outcome better than what could be had without a model?",
    "calibration": "Does a score of 0.3 mean three in ten, overall and in each group?",
    "bias": "Does the score work within each group, and does the decision made with it reach each group's need?",
    "leakage": "Is the model too good to be true, or was it tested on what it had seen?",
}


def render_report(evidence: Evidence, plots: Mapping[str, str], card: tuple[CardField, ...]) -> str:
    """Return the page.

    Parameters
    ----------
    evidence
        What is reported.
    plots
        SVG texts by name, as `registry.report_plots.draw_plots` gives them.
    card
        The filled model card.
    """
    template = _environment().get_template("report.html.j2")
    return template.render(
        evidence=evidence,
        spec=evidence.spec,
        policy=evidence.policy,
        snapshot=evidence.snapshot,
        measured=evidence.measured,
        gates=evidence.gates,
        status=status(evidence.gates),
        worries=worries(evidence.gates),
        questions=QUESTIONS,
        tables=group_tables(evidence),
        thresholds=policy_rows(evidence.policy),
        plots={name: Markup(inline(name, svg)) for name, svg in plots.items()},  # noqa: S704 (drawn here, escaped by matplotlib)
        card=card,
        completeness=completeness(card),
        titles=TITLES,
    )


def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"number": number, "count": count, "label": label, "sign": sign}
    return environment


def number(value: float | None, digits: int = 3) -> str:
    """Return `value` with `digits` digits, or a dash where there is none."""
    return "–" if value is None or value != value else f"{value:.{digits}f}"  # noqa: PLR0124 (NaN)


def count(value: int | None) -> str:
    """Return `value` with thousands apart, or the word for a withheld cell."""
    return "withheld" if value is None else f"{value:,}"


def sign(verdict: Verdict) -> str:
    """Return a mark that tells verdicts apart without colour."""
    return {Verdict.PASSED: "✓", Verdict.FAILED: "✕", Verdict.CANNOT_TELL: "?"}[verdict]
