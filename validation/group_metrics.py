"""Metrics of groups: what was decided and what happened, beside the spread that chance alone would show."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from validation.bootstrap import Draws, Statistic
from validation.groups import CROSSING, with_unknown
from validation.measured import Partition, judged
from validation.policy import Policy
from validation.scored import Codes, Flags, Floats, Grouping, ScoredRows
from validation.statistics import CellSums


class GroupCells:
    """Rows folded into cells of declared groups, outcome and decision, from which every group's counts follow."""

    def __init__(self, rows: ScoredRows, flagged: Flags, patient: Codes) -> None:
        self.label, self.score, self.flagged, self.patient = rows.label, rows.score, flagged, patient
        joint = np.zeros(rows.n, dtype=np.int64)
        for grouping in rows.groups.values():
            known = with_unknown(grouping)
            joint = joint * len(known.levels) + known.codes
        _, self._first, joint = np.unique(joint, return_index=True, return_inverse=True)
        self._joint = joint * 4 + rows.label * 2 + flagged
        self._count = len(self._first)

    def statistics(self, at: Codes, patient: Codes, patients: int) -> dict[str, Statistic]:
        """Return the statistic that sums rows and scores in each cell, for the rows `at`."""
        values = np.column_stack([np.ones(len(at)), self.score[at]])
        return {"cells": CellSums(patient, self._joint[at], values, (patients, self._count * 4))}

    def fold(self, grouping: Grouping, cells: Draws) -> Draws:
        """Sum `cells` over the groups of a partition: shape (b, groups * 5), namely tn, fp, fn, tp and expected."""
        code = grouping.codes[self._first]
        member = np.zeros((len(grouping.levels), self._count))
        member[code[code >= 0], np.flatnonzero(code >= 0)] = 1.0

        def totals(values: Floats) -> Floats:
            shaped = values.reshape(len(values), self._count, 4, 2)
            counts = np.einsum("gc,bck->bgk", member, shaped[..., 0])
            expected = np.einsum("gc,bc->bg", member, shaped[..., 1].sum(axis=2))
            return np.concatenate([counts, expected[..., None]], axis=2).reshape(len(values), -1)

        return cells.map(totals)


def measure_partition(
    name: str, cells: GroupCells, grouping: Grouping, draws: Mapping[str, Draws], *, policy: Policy, minimum: int
) -> Partition:
    """Measure the groups of one partition from the bootstrap's `draws`."""
    folded = cells.fold(grouping, draws["cells"])
    groups = len(grouping.levels)
    metrics = {key: folded.map(lambda sums, of=key: _rates(sums)[of]) for key in RATES}  # type: ignore[misc]
    metrics["auc"] = draws[f"ranks {name}"].map(lambda values: values[:, :groups])
    counts = folded.sample.reshape(groups, 5)[:, :4].round().astype(np.int64)
    partition = Partition(
        levels=grouping.levels,
        n=counts.sum(axis=1),
        positives=counts[:, 2] + counts[:, 3],
        metrics=metrics,
        fairlearn=by_fairlearn(counts),
        crossed=CROSSING in name,
    )
    spread, noise = _noise(cells, grouping, partition, policy, minimum)
    return replace(partition, spread=spread, noise=noise)


RATES = ("selection_rate", "tpr", "fpr", "ppv", "observed_expected", "tpr_ratio", "selection_ratio")
"""Names of the metrics that follow from a group's counts."""


def _rates(sums: Floats) -> dict[str, Floats]:
    shaped = sums.reshape(len(sums), -1, 5)
    others = shaped.sum(axis=1, keepdims=True) - shaped
    own, rest = _confusion(shaped), _confusion(others)
    with np.errstate(invalid="ignore", divide="ignore"):
        own["tpr_ratio"] = own["tpr"] / rest["tpr"]
        own["selection_ratio"] = own["selection_rate"] / rest["selection_rate"]
    return own


def _confusion(shaped: Floats) -> dict[str, Floats]:
    tn, fp, fn, tp, expected = np.moveaxis(shaped, 2, 0)
    with np.errstate(invalid="ignore", divide="ignore"):
        return {
            "selection_rate": (tp + fp) / (tn + fp + fn + tp),
            "tpr": tp / (tp + fn),
            "fpr": fp / (fp + tn),
            "ppv": tp / (tp + fp),
            "observed_expected": (tp + fn) / expected,
        }


def by_fairlearn(counts: Codes) -> dict[str, Floats]:
    """Return point estimates of fairlearn's `MetricFrame` from confusion counts, shape (groups,) each.

    Parameters
    ----------
    counts
        Shape (groups, 4): tn, fp, fn, tp. One weighted row a cell says the same as a row a patient, in no time.
    """
    from functools import partial

    from fairlearn.metrics import MetricFrame, false_positive_rate, selection_rate, true_positive_rate
    from sklearn.metrics import precision_score

    metrics = {
        "selection_rate": selection_rate,
        "tpr": true_positive_rate,
        "fpr": false_positive_rate,
        "ppv": partial(precision_score, zero_division=np.nan),
    }
    groups = len(counts)
    weights = {"sample_weight": counts.ravel()}
    frame = MetricFrame(
        metrics=metrics,
        y_true=np.tile([0, 0, 1, 1], groups),
        y_pred=np.tile([0, 1, 0, 1], groups),
        sensitive_features=np.repeat(np.arange(groups), 4),
        sample_params=dict.fromkeys(metrics, weights),
    )
    return {name: frame.by_group[name].to_numpy(dtype=np.float64) for name in metrics}


def _noise(
    cells: GroupCells, grouping: Grouping, partition: Partition, policy: Policy, minimum: int
) -> tuple[float | None, float | None]:
    """Return the spread of recall between groups, and what random groups of the same sizes show (95% quantile)."""
    enough = judged(partition, minimum)
    if enough.sum() < 2:
        return None, None
    _, first = np.unique(cells.patient, return_index=True)
    code_of = grouping.codes[first]
    who, place = np.unique(cells.patient[cells.label], return_inverse=True)
    positives, found = np.bincount(place), np.bincount(place, weights=cells.flagged[cells.label]).astype(np.float64)
    chance = np.random.default_rng(policy.bootstrap.seed.value)
    spreads = []
    for _ in range(policy.groups.noise_draws.value):
        code = code_of[chance.integers(0, len(code_of), len(who))]
        spreads.append(_spread(code, positives, found, enough))
    return float(np.ptp(partition.metrics["tpr"].sample[enough])), float(np.quantile(spreads, 0.95))


def _spread(code: Codes, positives: Codes, found: Floats, enough: Flags) -> float:
    """Return the spread of recall when each patient with positives gets the group `code`; -1 is none."""
    slots = len(enough) + 1
    total = np.bincount(code + 1, weights=positives, minlength=slots)[1:][enough]
    hits = np.bincount(code + 1, weights=found, minlength=slots)[1:][enough]
    return float(np.ptp(hits / np.maximum(total, 1)))
