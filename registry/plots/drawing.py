"""What all plots share: SVG that is the same bytes for the same facts, its colours, and intervals in rows."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from html import escape
from io import StringIO
from typing import TYPE_CHECKING, Any

from validation.bootstrap import Draws
from validation.gates.result import Verdict

if TYPE_CHECKING:
    from matplotlib.axes import Axes

INK, MUTED, ACCENT, WARN, BAD = "#1f2933", "#6b7785", "#1769aa", "#b7791f", "#b3261e"
COLOURS = (ACCENT, "#c0671a", "#2e7d32", "#8e44ad", "#c0392b", "#00838f", "#6d4c41", "#5c6bc0")
OF_VERDICT = {Verdict.PASSED: ACCENT, Verdict.CANNOT_TELL: WARN, Verdict.FAILED: BAD}
MARKS = {Verdict.PASSED: "o", Verdict.CANNOT_TELL: "D", Verdict.FAILED: "X"}
"""Verdicts differ in shape too, for those who do not see the colours apart."""
FEATURES_SHOWN = 15
SQUARE, FLAT, WIDE = (4.2, 3.6), (4.2, 2.8), 8.4
"""Sizes in inches: of half a page, of half a page and less height, and the width of a page."""
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


@dataclass(frozen=True, slots=True)
class Interval:
    """An estimate with its bounds, and the verdict that its colour stands for."""

    estimate: float
    low: float
    high: float
    verdict: Verdict = Verdict.PASSED


@contextmanager
def figure_of(width: float, height: float) -> Iterator[tuple[Any, StringIO]]:
    """Give a figure of `width` by `height` inches, and where its SVG stands afterwards."""
    import matplotlib as mpl
    from matplotlib.figure import Figure

    out = StringIO()
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(width, height), layout="constrained")
        yield figure, out
        figure.savefig(out, format="svg", transparent=True, metadata={"Date": None, "Creator": None})


def inline(name: str, svg: str, words: str) -> str:
    """Return `svg` to stand inside an HTML page: no prologue, no metadata, ids of its own, sized by the page.

    Parameters
    ----------
    name
        Put before every id.
    svg
        As `figure_of` made it.
    words
        What it shows, for those who do not see it.
    """
    body = svg[svg.index("<svg") :]
    body = re.sub(r"<metadata>.*?</metadata>", "", body, flags=re.DOTALL)
    body = re.sub(r'\s+(xmlns(:xlink)?|version)="[^"]*"', "", body)
    body = re.sub(r'(<svg[^>]*?) width="[^"]*"', r"\1", body, count=1)
    body = re.sub(r'(<svg[^>]*?) height="[^"]*"', r"\1", body, count=1)
    body = re.sub(r'id="([^"]+)"', rf'id="{name}-\1"', body)
    body = body.replace('xlink:href="#', f'href="#{name}-')
    body = body.replace("url(#", f"url(#{name}-")
    return body.replace("<svg", f'<svg role="img" aria-label="{escape(words)}"', 1)


def interval_of(draws: Draws, confidence: float, verdict: Verdict) -> Interval:
    """Return the first value of `draws` with its bounds, and the `verdict` that was given on it."""
    low, high = draws.interval(confidence)
    return Interval(float(draws.sample[0]), float(low[0]), float(high[0]), verdict)


def forest(axes: Axes, rows: Sequence[Interval | None], limits: Sequence[float] = ()) -> None:
    """Draw one interval a row from the top down, and the limits as dotted lines; a row may be empty."""
    for limit in limits:
        axes.axvline(limit, color=MUTED, linewidth=0.8, linestyle=":")
    for place, row in enumerate(rows):
        if row is not None:
            colour = OF_VERDICT[row.verdict]
            axes.plot((row.low, row.high), (place, place), color=colour, linewidth=1.4)
            axes.plot([row.estimate], [place], color=colour, marker=MARKS[row.verdict], markersize=4)


def name_rows(axes: Axes, names: Sequence[str]) -> None:
    """Write the names of the rows at the left, from the top down."""
    axes.set_yticks(range(len(names)), names)
    axes.set_ylim(len(names) - 0.5, -0.5)


def height_of(rows: int) -> float:
    """Return how high a plot of so many rows is, in inches."""
    return 1.0 + 0.24 * max(rows, 3)
