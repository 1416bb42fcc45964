"""Metrics of groups: what was decided and what happened, beside the spread that chance alone would show."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from validation.bootstrap import Draws, Statistic
from validation.by_fairlearn import by_fairlearn
from validation.calibration_error import calibration_error
from validation.group_cells import COUNTS, GroupCells
from validation.group_lines import GroupLines
from validation.group_spread import measure_spread
from validation.groups import CROSSING
from validation.measured import Partition, judged
from validation.policy import Policy
from validation.scored import Codes, Flags, Floats, Grouping, ScoredRows
from validation.statistics import Ranks

EVERYONE = "all"
"""Name of the partition that holds every row in one group."""
RATES = ("selection_rate", "tpr", "fpr", "ppv", "observed_expected", "tpr_ratio", "selection_ratio")
"""Names of the metrics that follow from a group's counts."""


class GroupMetrics:
    """Metrics of every group of every partition, and of all rows as the one group of a partition of their own.

    Parameters
    ----------
    rows, flagged, patient
        All rows, which of them the decision acts on, and dense codes of their patients.
    partitions
        Declared groupings and their intersections, by name. Calibration in groups is measured in declared ones alone.
    """

    def __init__(self, rows: ScoredRows, flagged: Flags, patient: Codes, partitions: Mapping[str, Grouping]) -> None:
        self._rows, self._flagged, self._patient = rows, flagged, patient
        everyone = Grouping(np.zeros(rows.n, dtype=np.int64), (EVERYONE,))
        self._partitions = {EVERYONE: everyone, **partitions}
        declared = [name for name in self._partitions if CROSSING not in name]
        self._lines = {name: GroupLines(rows, self._partitions[name]) for name in declared}
        self._cells = GroupCells(rows, flagged, self._partitions, frozenset(declared))

    def statistics(self, at: Codes, patient: Codes, patients: int) -> dict[str, Statistic]:
        """Return the statistics of the rows `at`, whose patients are `patient`."""
        label, score = self._rows.label[at], self._rows.score[at]
        statistics: dict[str, Statistic] = {"cells": self._cells.statistic(at, patient, patients)}
        for name, lines in self._lines.items():
            statistics[f"lines {name}"] = lines.statistic(at, patient, patients)
        for name, grouping in self._partitions.items():
            if name != EVERYONE:
                groups = len(grouping.levels)
                statistics[f"ranks {name}"] = Ranks(patient, label, score, grouping.codes[at], groups, precision=False)
        return statistics

    def calibration(self, name: str, draws: Mapping[str, Draws]) -> dict[str, Draws]:
        """Return ``slope``, ``intercept`` and ``ece`` of a declared partition's groups."""
        lines, groups = self._lines[name], len(self._partitions[name].levels)
        return {
            "slope": lines.slope(draws[f"lines {name}"]),
            "intercept": lines.intercept(draws[f"lines {name}"]),
            "ece": calibration_error(self._cells.bins(name, draws["cells"]), groups),
        }

    def partition(self, name: str, draws: Mapping[str, Draws], *, policy: Policy, minimum: int) -> Partition:
        """Measure the groups of one partition from the bootstrap's `draws`."""
        grouping = self._partitions[name]
        folded = self._cells.counts(name, draws["cells"])
        metrics = {key: folded.map(lambda sums, of=key: _rates(sums)[of]) for key in RATES}  # type: ignore[misc]
        metrics["auc"] = draws[f"ranks {name}"]
        if name in self._lines:
            metrics |= self.calibration(name, draws)
        counts = folded.sample.reshape(-1, COUNTS)[:, :4].round().astype(np.int64)
        partition = Partition(
            levels=grouping.levels,
            n=counts.sum(axis=1),
            positives=counts[:, 2] + counts[:, 3],
            metrics=metrics,
            fairlearn=by_fairlearn(counts),
            crossed=CROSSING in name,
        )
        enough = judged(partition, minimum)
        spread = measure_spread(self._rows, self._flagged, self._patient, grouping, metrics["tpr"], enough, policy)
        if spread is None:
            return partition
        return replace(partition, spread=spread.spread, noise=spread.noise, excess=spread.excess)


def _rates(sums: Floats) -> dict[str, Floats]:
    shaped = sums.reshape(len(sums), -1, COUNTS)
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
