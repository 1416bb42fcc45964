"""Statistics that a bootstrap of patients can compute from counts: sums over cells, AUC and average precision."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy import sparse

from validation.scored import Codes, Flags, Floats


class CellSums:
    """Sums of row values within cells: shape (b, cells * values), cell by cell.

    Parameters
    ----------
    patient, cell
        Shape (n,): each row's patient and cell; rows with cell -1 count nowhere.
    values
        Shape (n, v): what is summed, weighted by how often the patient counts.
    sizes
        Number of patients and of cells.
    """

    def __init__(self, patient: Codes, cell: Codes, values: Floats, sizes: tuple[int, int]) -> None:
        patients, cells = sizes
        self._shape = (cells, values.shape[1])
        known = np.flatnonzero(cell >= 0)
        place = cell[known, None] * values.shape[1] + np.arange(values.shape[1])
        who = np.repeat(patient[known], values.shape[1])
        shape = (cells * values.shape[1], patients)
        self._matrix = sparse.csr_matrix((values[known].ravel(), (place.ravel(), who)), shape=shape)

    def __call__(self, counts: Floats) -> Floats:
        """Return the sums for each replicate, shape (b, cells * values)."""
        sums: Floats = (self._matrix @ np.ascontiguousarray(counts.T)).T
        return sums


class Ranks:
    """AUC and average precision of a score within groups: shape (b, 2 * groups), all AUCs first.

    AUC is the Mann-Whitney statistic with ties counted half; average precision steps at every distinct score, as
    scikit-learn defines both. Rows are sorted once; a replicate only sums their weights along that order.

    Parameters
    ----------
    patient, label, score
        Shape (n,).
    group
        Shape (n,): place of the row's group, -1 where it belongs to none.
    groups
        Number of groups.
    """

    def __init__(self, patient: Codes, label: Flags, score: Floats, group: Codes, groups: int) -> None:
        order = np.argsort(score, kind="stable")
        order = order[group[order] >= 0]
        order = order[np.argsort(group[order].astype(np.int32), kind="stable")]
        positive = label[order]
        tie = _ties(group[order], score[order])
        self._groups = groups
        self._negatives, self._positives = patient[order][~positive], patient[order][positive]
        tie_of_negative, tie_of_positive = tie[~positive], tie[positive]
        self._below = np.searchsorted(tie_of_negative, tie_of_positive, "left")
        self._upto = np.searchsorted(tie_of_negative, tie_of_positive, "right")
        self._negative_edges = np.searchsorted(group[order][~positive], np.arange(groups + 1))
        self._positive_edges = np.searchsorted(group[order][positive], np.arange(groups + 1))
        group_of_positive = group[order][positive]
        self._negatives_end = self._negative_edges[group_of_positive + 1]
        self._negatives_start = self._negative_edges[group_of_positive]
        self._positives_end = self._positive_edges[group_of_positive + 1]
        self._first_of_tie = np.searchsorted(tie_of_positive, tie_of_positive, "left")

    def __call__(self, counts: Floats) -> Floats:
        """Return AUC and average precision of every group for each replicate; NaN where a class is missing."""
        return np.array([self._one(row) for row in counts])

    def _one(self, count: Floats) -> Floats:
        weight = count[self._positives]
        negatives, positives = _running(count[self._negatives]), _running(weight)
        below, upto = negatives[self._below], negatives[self._upto]
        wins = weight * (0.5 * (below + upto) - negatives[self._negatives_start])
        hits = positives[self._positives_end] - positives[self._first_of_tie]
        flagged = hits + negatives[self._negatives_end] - below
        precision = np.divide(weight * hits, flagged, out=np.zeros_like(weight), where=weight > 0)
        total_positive = np.diff(positives[self._positive_edges])
        total_negative = np.diff(negatives[self._negative_edges])
        with np.errstate(invalid="ignore", divide="ignore"):
            auc = self._by_group(wins) / (total_positive * total_negative)
            average_precision = self._by_group(precision) / total_positive
        return np.concatenate([auc, average_precision])

    def _by_group(self, values: Floats) -> Floats:
        return np.diff(_running(values)[self._positive_edges])


def _ties(group: Codes, score: Floats) -> npt.NDArray[np.int64]:
    """Return the place of each row's pair of group and score among the distinct ones, in their order."""
    if not len(score):
        return np.zeros(0, dtype=np.int64)
    changed = (group[1:] != group[:-1]) | (score[1:] != score[:-1])
    return np.concatenate([[0], np.cumsum(changed)])


def _running(values: Floats) -> Floats:
    total = np.zeros(len(values) + 1)
    np.cumsum(values, out=total[1:])
    return total
