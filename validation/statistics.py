"""Statistics that a bootstrap of patients can compute from counts: sums over cells, AUC and average precision."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise

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
        place = (cell[known, None] * values.shape[1] + np.arange(values.shape[1])).astype(np.int32)
        who = np.repeat(patient[known].astype(np.int32), values.shape[1])
        shape = (cells * values.shape[1], patients)
        self._matrix = sparse.csr_matrix((values[known].ravel(), (place.ravel(), who)), shape=shape)

    def __call__(self, counts: Floats) -> Floats:
        """Return the sums for each replicate, shape (b, cells * values)."""
        sums: Floats = (self._matrix @ np.ascontiguousarray(counts.T)).T
        return sums


class Ranks:
    """AUC and average precision of a score within groups: shape (b, 2 * groups), all AUCs first.

    AUC is the Mann-Whitney statistic with ties counted half; average precision steps at every distinct score, as
    scikit-learn defines both. Rows are sorted once. A replicate sums the negatives between one distinct score of a
    positive and the next (sparse product), and runs along those segments.

    Parameters
    ----------
    patient, label, score
        Shape (n,).
    group
        Shape (n,): place of the row's group, -1 where it belongs to none.
    groups
        Number of groups.
    precision
        Whether average precision is wanted: without it the answer has shape (b, groups).
    """

    def __init__(
        self, patient: Codes, label: Flags, score: Floats, group: Codes, groups: int, *, precision: bool = True
    ) -> None:
        order = np.lexsort((score, group))
        order = order[group[order] >= 0]
        who, positive = patient[order], label[order]
        tie = _ties(group[order], score[order])
        steps, place = np.unique(tie[positive], return_inverse=True)
        edges = np.searchsorted(group[order][positive][np.unique(place, return_index=True)[1]], np.arange(groups + 1))
        # Each group has one segment more than distinct scores of positives: for the negatives above them all.
        segment = np.searchsorted(steps, tie[~positive]) + group[order][~positive]
        tied = np.isin(tie[~positive], steps)
        shape = (len(steps) + groups, int(patient.max(initial=-1)) + 1)
        self._positives = _indicator(place + group[order][positive], who[positive], shape)
        self._negatives = _indicator(segment, who[~positive], shape)
        self._tied = _indicator(segment[tied], who[~positive][tied], shape) if tied.any() else None
        self._edges, self._precision = edges + np.arange(groups + 1), precision

    def __call__(self, counts: Floats) -> Floats:
        """Return AUC and average precision of every group for each replicate; NaN where a class is missing."""
        by_patient = np.ascontiguousarray(counts.T)[: self._positives.shape[1]]
        positives, upto = self._positives @ by_patient, run_along(self._negatives @ by_patient)
        tied = self._tied @ by_patient if self._tied is not None else None
        spans = [slice(start, end) for start, end in pairwise(self._edges)]
        found = [_Segments(positives[at], _since(upto, at), None if tied is None else tied[at]) for at in spans]
        aucs = [segments.auc() for segments in found]
        return np.array([*aucs, *(segments.average_precision() for segments in found if self._precision)]).T


@dataclass(frozen=True)
class _Segments:
    """One group's weights by segment and replicate, shape (segments, b): lowest scores first.

    Attributes
    ----------
    positives
        Weight of the positives with the segment's score.
    upto
        Weight of the negatives with at most that score.
    tied
        Weight of the negatives with that very score; None where no score is shared.
    """

    positives: Floats
    upto: Floats
    tied: Floats | None

    def auc(self) -> Floats:
        wins = np.einsum("kb,kb->b", self.positives, self.upto)
        if self.tied is not None:
            wins -= 0.5 * np.einsum("kb,kb->b", self.positives, self.tied)
        with np.errstate(invalid="ignore", divide="ignore"):
            return np.asarray(wins / (self.positives.sum(axis=0) * self.upto[-1]))

    def average_precision(self) -> Floats:
        total = self.positives.sum(axis=0)
        hits = total - run_along(self.positives.copy()) + self.positives
        flagged = hits + self.upto[-1] - self.upto
        if self.tied is not None:
            flagged += self.tied
        precision = np.divide(self.positives * hits, flagged, out=np.zeros_like(hits), where=self.positives > 0)
        with np.errstate(invalid="ignore", divide="ignore"):
            return np.asarray(precision.sum(axis=0) / total)


def run_along(values: Floats) -> Floats:
    """Sum `values`, shape (k, b), cumulatively along the first axis, in place.

    In two levels, stretch by stretch: each step adds whole rows, where numpy's own goes down one column at a time.
    """
    stretch = math.isqrt(len(values))
    whole = stretch * stretch
    blocks = values[:whole].reshape(stretch, stretch, values.shape[1])
    for place in range(1, stretch):
        blocks[:, place] += blocks[:, place - 1]
    for place in range(1, stretch):
        blocks[place] += blocks[place - 1, -1]
    for place in range(max(whole, 1), len(values)):
        values[place] += values[place - 1]
    return values


def _since(upto: Floats, at: slice) -> Floats:
    return upto[at] - upto[at.start - 1] if at.start else upto[at]


def _indicator(row: Codes, column: Codes, shape: tuple[int, int]) -> sparse.csr_matrix:
    return sparse.csr_matrix((np.ones(len(row)), (row.astype(np.int32), column.astype(np.int32))), shape=shape)


def _ties(group: Codes, score: Floats) -> npt.NDArray[np.int64]:
    """Return the place of each row's pair of group and score among the distinct ones, in their order."""
    if not len(score):
        return np.zeros(0, dtype=np.int64)
    changed = (group[1:] != group[:-1]) | (score[1:] != score[:-1])
    return np.concatenate([[0], np.cumsum(changed)])
