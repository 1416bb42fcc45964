"""What the model reads: how much each feature moves the score, and how far it has moved since training."""

from __future__ import annotations

from collections.abc import Mapping

from registry.evidence import Evidence
from registry.plots.drawing import ACCENT, BAD, FEATURES_SHOWN, INK, MUTED, WARN, WIDE, figure_of, name_rows
from validation.drift import Shift


def importance(evidence: Evidence) -> str:
    """Draw the mean absolute contribution of the features that move the score most."""
    ranked = sorted(evidence.importance.items(), key=lambda item: (-item[1], item[0]))[:FEATURES_SHOWN]
    with figure_of(WIDE, 0.8 + 0.22 * len(ranked)) as (figure, out):
        axes = figure.subplots()
        axes.barh(range(len(ranked)), [value for _, value in ranked], color=ACCENT, height=0.6)
        name_rows(axes, [words_of(evidence, name) for name, _ in ranked])
        axes.set(xlabel="mean absolute contribution, log-odds")
    return out.getvalue()


def drift(evidence: Evidence) -> str:
    """Draw the stability index of the features that moved most, what chance gives, and the limits."""
    ranked = sorted(evidence.drift.items(), key=lambda item: (-item[1].index, item[0]))[:FEATURES_SHOWN]
    with figure_of(WIDE, 1.0 + 0.22 * len(ranked)) as (figure, out):
        axes = figure.subplots()
        for place, (_, shift) in enumerate(ranked):
            axes.barh(place, shift.index, color=_colour(shift), height=0.6)
            axes.plot([shift.chance], [place], color=INK, marker="|", markersize=9, linestyle="none")
        names, reach = [words_of(evidence, name) for name, _ in ranked], ranked[0][1]
        axes.axvline(reach.watch, color=MUTED, linewidth=0.8, linestyle=":")
        axes.axvline(reach.act, color=MUTED, linewidth=0.8, linestyle="--")
        name_rows(axes, names)
        axes.set(xlabel="population stability index", xlim=(0, max(reach.index, reach.act) * 1.1))
    return out.getvalue()


def words_of(evidence: Evidence, feature: str) -> str:
    """Return a feature in plain words."""
    words: Mapping[str, str] = {item.name: item.text for item in evidence.spec.features}
    return words.get(feature, feature.replace("_", " "))


def _colour(shift: Shift) -> str:
    return BAD if shift.to_act else WARN if shift.to_watch else ACCENT
