"""What the probes found of the model: decisions under changed inputs, and fits with other seeds, periods and sites."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from registry.evidence import Evidence
from registry.plots.drawing import (
    FEATURES_SHOWN,
    INK,
    MUTED,
    WIDE,
    Interval,
    figure_of,
    forest,
    height_of,
    interval_of,
    name_rows,
)
from registry.plots.inputs import words_of
from validation.gates.result import Verdict
from validation.gates.robustness import EVERYTHING, check_name
from validation.probed import Perturbed, Refit

REORDERED = "reordered"


def robustness(evidence: Evidence) -> str:
    """Draw the share of the flagged rows that others replace, by feature, one panel a kind of change."""
    found = of_fields(evidence)
    kinds = list(dict.fromkeys(item.kind for item in found))
    features, said = _worst_first(found)[:FEATURES_SHOWN], _verdicts(evidence, "robustness")
    with figure_of(WIDE, height_of(len(features))) as (figure, out):
        panels = figure.subplots(1, len(kinds), sharey=True, squeeze=False)[0]
        for axes, kind in zip(panels, kinds, strict=True):
            of_kind = {item.feature: _flips(item, evidence, said) for item in found if item.kind == kind}
            limit = getattr(evidence.policy.gates.robustness, kind, None)
            forest(axes, [of_kind.get(feature) for feature in features], [limit.value] if limit else [])
            axes.set_title(kind.replace("_", " "), fontsize=9, color=INK)
            axes.set_xlim(left=min(0.0, axes.get_xlim()[0]))
            axes.locator_params(axis="x", nbins=3)
        name_rows(panels[0], [words_of(evidence, feature) if feature else EVERYTHING for feature in features])
        panels[len(panels) // 2].set_xlabel("share of the flagged rows that others replace")
    return out.getvalue()


def of_fields(evidence: Evidence) -> list[Perturbed]:
    """Return what was found of changed fields; that rows and levels come in another order is no field."""
    return [item for item in evidence.measured.probed.perturbed if item.kind != REORDERED]


def stability(evidence: Evidence) -> str:
    """Draw the AUC of every refit, and what each is compared with."""
    refits, said = shown_refits(evidence), _verdicts(evidence, "stability")
    confidence = evidence.policy.bootstrap.confidence.value
    with figure_of(WIDE, height_of(len(refits))) as (figure, out):
        axes = figure.subplots()
        verdicts = [said.get(f"{item.kind}_auc[{item.name}]", Verdict.PASSED) for item in refits]
        rows = [interval_of(item.auc, confidence, verdict) for item, verdict in zip(refits, verdicts, strict=True)]
        forest(axes, rows)
        for place, item in enumerate(refits):
            reference = float(item.reference.sample[0])
            axes.plot([reference], [place], color=MUTED, marker="d", markersize=6, markerfacecolor="none")
        name_rows(axes, [f"{item.kind}: {item.name}" for item in refits])
        axes.set(xlabel="AUC; hollow: what it is compared with")
    return out.getvalue()


def shown_refits(evidence: Evidence) -> list[Refit]:
    """Return the refits whose rows are many enough to be shown with numbers."""
    under = evidence.policy.groups.suppress_under.value
    return [item for item in evidence.measured.probed.refits if min(item.positives, item.n - item.positives) >= under]


def _flips(item: Perturbed, evidence: Evidence, said: Mapping[str, Verdict]) -> Interval:
    verdict = said.get(check_name(item), Verdict.PASSED)
    return interval_of(item.flips, evidence.policy.bootstrap.confidence.value, verdict)


def _verdicts(evidence: Evidence, name: str) -> dict[str, Verdict]:
    """Return what a gate says of each check by name; those that pass it may put together."""
    return {check.name: check.verdict for gate in evidence.gates if gate.gate == name for check in gate.checks}


def _worst_first(found: Sequence[Perturbed]) -> list[str]:
    worst: dict[str, float] = {}
    for item in found:
        worst[item.feature] = max(worst.get(item.feature, 0.0), float(item.flips.sample[0]))
    return sorted(worst, key=lambda feature: (-worst[feature], feature))
