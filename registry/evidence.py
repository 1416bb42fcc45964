"""The evidence pack: what a reviewer reads, as files beside the model, the same bytes for the same facts."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from crm.snapshot import Manifest
from models.spec import ModelSpec
from registry.changes import Changes, Predecessor, changes
from registry.policy_numbers import policy_numbers
from registry.report_words import judged_on
from validation.drift import Shift
from validation.gates.panel import status
from validation.gates.result import GateResult
from validation.measured import Measured
from validation.policy import Policy
from validation.quality import SplitQuality
from validation.scored import ScoredRows
from validation.waivers import uses


@dataclass(frozen=True)
class Evidence:
    """Everything that the pack is made from.

    Attributes
    ----------
    spec
        The model.
    snapshot
        Where its rows come from; the moment of publication is left out of the pack, so that a run that is started again
        gives the same bytes.
    policy
        What was asked of it.
    rows, measured, gates
        The test rows, what was measured on them, and the gates' answers.
    splits
        The declared split beside others.
    importance
        Mean absolute contribution of each feature on the test rows, in log-odds.
    training
        Further facts of the run in words, such as rows, patients, rounds, seed.
    author
        Who ran it.
    predecessor
        The version in use; None where there is none.
    incomparable
        Why the version in use could not be compared with; empty where it was, or there is none.
    drift
        How far the held-out rows lie from the training rows, by feature.
    """

    spec: ModelSpec
    snapshot: Manifest
    policy: Policy
    rows: ScoredRows
    measured: Measured
    gates: tuple[GateResult, ...]
    splits: tuple[SplitQuality, ...] = ()
    importance: Mapping[str, float] = field(default_factory=dict)
    training: Mapping[str, str] = field(default_factory=dict)
    author: str = ""
    predecessor: Predecessor | None = None
    incomparable: str = ""
    drift: Mapping[str, Shift] = field(default_factory=dict)


def write_evidence(folder: Path, evidence: Evidence) -> tuple[Path, ...]:
    """Write ``gates.json``, ``card.md``, ``card.json``, ``report.html`` and the plots into `folder`.

    Returns
    -------
    tuple of Path
        The files, sorted by name.
    """
    from registry.card import card_json, card_markdown, fill_card
    from registry.report import render_report
    from registry.report_plots import draw_plots

    card = fill_card(evidence)
    plots = draw_plots(evidence)
    files = {
        "gates.json": _json(gates_json(evidence)),
        "card.json": _json(card_json(card, evidence)),
        "card.md": card_markdown(card, evidence),
        "report.html": render_report(evidence, plots, card),
        **{f"{name}.svg": plot for name, plot in plots.items()},
    }
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        (folder / name).write_text(text, encoding="utf-8")
    return tuple(sorted(folder / name for name in files))


def gates_json(evidence: Evidence) -> dict[str, Any]:
    """Return the gates' answers with what they stand on, as JSON-ready values."""
    measured, policy = evidence.measured, evidence.policy
    return {
        "model": evidence.spec.name,
        "status": status(evidence.gates).value,
        "policy": policy.digest,
        "policy_numbers": policy_numbers(policy),
        "snapshot": evidence.snapshot.digest,
        "rows": {
            "n": measured.overall.n,
            "positives": measured.overall.positives,
            "patients": measured.overall.patients,
            "flagged": int(measured.flagged.sum()),
        },
        "bootstrap": {
            "unit": "patient",
            "replicates": policy.bootstrap.replicates.value,
            "confidence": policy.bootstrap.confidence.value,
            "seed": policy.bootstrap.seed.value,
            "rows": measured.bootstrap_rows,
        },
        "minimum_positives": measured.minimum,
        "features": list(evidence.spec.feature_names),
        "hyperparameters": {**evidence.spec.hyperparameters, "rounds": evidence.spec.rounds},
        "gates": [gate.as_dict() for gate in evidence.gates],
        "waivers": [
            item.waiver.model_dump(mode="json") | {"use": item.use.value} for item in uses(evidence.gates, policy)
        ],
        "metrics": overall_metrics(evidence),
        "splits": [_rounded(asdict(item)) for item in evidence.splits],
        "trade_off": [_rounded(asdict(item)) for item in measured.trade_off],
        "drift": {name: _rounded(asdict(shift)) for name, shift in evidence.drift.items()},
        "compared_with": evidence.predecessor.digest if evidence.predecessor else None,
    }


def changes_of(evidence: Evidence) -> Changes | None:
    """Return what changed against the version in use; None where there is none."""
    if evidence.predecessor is None:
        return None
    return changes(gates_json(evidence), evidence.predecessor.gates)


def judged_rows(evidence: Evidence) -> str:
    """Return in words which rows the model was judged on."""
    overall, overlap = evidence.measured.overall, evidence.measured.overlap
    under = evidence.policy.groups.suppress_under.value
    return judged_on(overall.n, overall.patients, overlap.shared_patients if overlap else None, under)


def overall_metrics(evidence: Evidence) -> dict[str, dict[str, float | None]]:
    """Return every metric of all rows with its interval."""
    confidence = evidence.policy.bootstrap.confidence.value
    answer = {}
    for name, draws in evidence.measured.overall.metrics.items():
        low, high = draws.interval(confidence)
        values = {"estimate": float(draws.sample[0]), "low": float(low[0]), "high": float(high[0])}
        answer[name] = _rounded(values)
    return answer


def _rounded(values: Mapping[str, Any]) -> dict[str, Any]:
    """Keep six digits of numbers, and none that is not finite."""
    return {key: _number(value) if isinstance(value, float) else value for key, value in values.items()}


def _number(value: float) -> float | None:
    return float(f"{value:.6g}") if abs(value) < float("inf") else None


def _json(value: object) -> str:
    return json.dumps(value, indent=1, sort_keys=True, ensure_ascii=False, allow_nan=False) + "\n"
