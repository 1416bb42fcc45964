"""The report: one HTML page that stands alone, readable on a phone and on paper, without script."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from registry.brief import decision
from registry.card import TITLES, CardField, completeness
from registry.changes import policy_lines
from registry.evidence import Evidence, changes_of, judged_rows
from registry.merits import merits
from registry.plots.drawing import inline
from registry.plots.inputs import words_of
from registry.report_matrix import matrix_of
from registry.report_plots import BROAD, caption, places_of
from registry.report_tables import BOUNDED, group_tables, policy_rows
from registry.report_words import (
    count,
    label,
    limit,
    metric_words,
    nothing_in_use,
    number,
    question,
    short,
    sign,
    tally,
)
from registry.worries import briefly, by_partition, headlines, worries
from validation.gates.panel import status
from validation.waivers import uses

TEMPLATES = Path(__file__).parent / "templates"
FIRST_SCREEN = 8
"""Lines of what to worry about on the first screen."""
NAMED = 4
"""Groups that such a line names."""


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
    changed = changes_of(evidence)
    lines, more = headlines(evidence.gates, FIRST_SCREEN)
    return (
        _environment()
        .get_template("report.html.j2")
        .render(
            evidence=evidence,
            spec=evidence.spec,
            policy=evidence.policy,
            snapshot=evidence.snapshot,
            measured=evidence.measured,
            judged_rows=judged_rows(evidence),
            merits=merits(evidence),
            decision=plain(decision(evidence)),
            gates=evidence.gates,
            status=status(evidence.gates),
            headlines=lines,
            more=more,
            worries=worries(evidence.gates),
            waivers=uses(evidence.gates, evidence.policy),
            changes=changed,
            policy_lines=policy_lines(changed) if changed else (),
            moved=[words_of(evidence, name) for name, shift in evidence.drift.items() if shift.to_act],
            tables=group_tables(evidence),
            thresholds=policy_rows(evidence.policy),
            card=card,
            completeness=completeness(card),
            titles=TITLES,
            **_functions(evidence, plots),
        )
    )


def _functions(evidence: Evidence, plots: Mapping[str, str]) -> dict[str, Any]:
    """Return what the page asks for by name."""
    drawn = {name: Markup(inline(name, svg, caption(name))) for name, svg in plots.items()}  # noqa: S704 (drawn here, escaped)
    confidence = evidence.policy.bootstrap.confidence.value
    return {
        "plots": drawn,
        "caption": caption,
        "broad": BROAD,
        "places_of": lambda gate: places_of(gate, dict(plots)),
        "matrix_of": lambda gate: matrix_of(gate, BOUNDED if gate.gate == "bias" else ()),
        "interval": lambda draws: tuple(float(bound[0]) for bound in draws.interval(confidence)),
        "words_of": lambda name: words_of(evidence, name),
    }


def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "number": number,
        "signed": signed,
        "limit": limit,
        "count": count,
        "label": label,
        "metric": metric_words,
        "question": question,
        "sign": sign,
        "tally": tally,
        "nothing_in_use": nothing_in_use,
        "short": short,
        "by_partition": by_partition,
        "briefly": lambda groups: briefly(groups, NAMED),
    }
    return environment


def plain(markdown: str) -> str:
    """Return one of our own sentences without the marks of markdown."""
    return markdown.replace("*", "").replace("`", "")


def signed(value: float, digits: int = 3) -> str:
    """Return `value` with its sign, as differences are written."""
    return f"{value:+.{digits}f}".replace("-", "−")
