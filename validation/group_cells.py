"""Rows folded into the cells that every group's counts follow from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from scipy import sparse

from validation.bootstrap import Draws, Statistic
from validation.calibration_error import BINS, score_bins
from validation.groups import with_unknown
from validation.scored import Codes, Flags, Floats, Grouping, ScoredRows
from validation.statistics import CellSums

COUNTS = 5
"""True negatives, false positives, false negatives, true positives, and how many positives scores expect."""
VALUES = 3
"""Summed in a cell: rows, scores, and score times (1 - score)."""


@dataclass(frozen=True)
class _Cells:
    """What the rows of each cell share, shape (cells,) each; `row` is one of them."""

    row: Codes
    outcome: Codes
    bin: Codes


class GroupCells:
    """Cells of declared groups, outcome, decision and bin of the score: the sums of any group are sums of cells.

    Parameters
    ----------
    rows, flagged
        All rows, and which the decision acts on.
    partitions
        Declared groupings and their intersections, by name.
    binned
        Names of the partitions whose groups are also wanted bin by bin.
    """

    def __init__(
        self, rows: ScoredRows, flagged: Flags, partitions: Mapping[str, Grouping], binned: frozenset[str]
    ) -> None:
        joint = np.zeros(rows.n, dtype=np.int64)
        for grouping in rows.groups.values():
            known = with_unknown(grouping)
            joint = joint * len(known.levels) + known.codes
        outcome, bins = rows.label * 2 + flagged, score_bins(rows.score)
        _, first, self._cell = np.unique((joint * 4 + outcome) * BINS + bins, return_index=True, return_inverse=True)
        cells = _Cells(first, outcome[first], bins[first])
        self._values = np.column_stack([np.ones(rows.n), rows.score, rows.score * (1 - rows.score)])
        folds = {(name, "counts"): _counts(cells, grouping) for name, grouping in partitions.items()}
        folds |= {(name, "bins"): _bins(cells, partitions[name]) for name in sorted(binned)}
        ends = np.cumsum([fold.shape[0] for fold in folds.values()])
        self._places = {
            key: slice(end - fold.shape[0], end) for (key, fold), end in zip(folds.items(), ends, strict=True)
        }
        self._fold = sparse.vstack(list(folds.values()), format="csr")

    def statistic(self, at: Codes, patient: Codes, patients: int) -> Statistic:
        """Return the statistic that sums the rows `at` in every group of every partition."""
        cells = int(self._cell.max()) + 1
        sums = CellSums(patient, self._cell[at], self._values[at], (patients, cells))

        def folded(counts: Floats) -> Floats:
            return np.asarray((self._fold @ np.ascontiguousarray(sums(counts).T)).T)

        return folded

    def counts(self, name: str, draws: Draws) -> Draws:
        """Return the confusion counts and expected positives of a partition's groups: shape (b, groups * COUNTS)."""
        at = self._places[name, "counts"]
        return draws.map(lambda sums: sums[:, at])

    def bins(self, name: str, draws: Draws) -> Draws:
        """Return what `validation.calibration_error` asks for, of a binned partition."""
        at = self._places[name, "bins"]
        return draws.map(lambda sums: sums[:, at])


def _counts(cells: _Cells, grouping: Grouping) -> sparse.csr_matrix:
    group, known = _known(cells, grouping)
    row = group[known] * COUNTS
    return _fold(
        [(row + cells.outcome[known], known * VALUES, 1.0), (row + 4, known * VALUES + 1, 1.0)],
        (len(grouping.levels) * COUNTS, len(cells.row) * VALUES),
    )


def _bins(cells: _Cells, grouping: Grouping) -> sparse.csr_matrix:
    group, known = _known(cells, grouping)
    row = (group[known] * BINS + cells.bin[known]) * 3
    positive = cells.outcome[known] >= 2
    return _fold(
        [
            (row[positive], known[positive] * VALUES, 1.0),
            (row, known * VALUES + 1, -1.0),
            (row + 1, known * VALUES, 1.0),
            (row + 2, known * VALUES + 2, 1.0),
        ],
        (len(grouping.levels) * BINS * 3, len(cells.row) * VALUES),
    )


def _known(cells: _Cells, grouping: Grouping) -> tuple[Codes, Codes]:
    group = grouping.codes[cells.row]
    return group, np.flatnonzero(group >= 0)


def _fold(parts: list[tuple[Codes, Codes, float]], shape: tuple[int, int]) -> sparse.csr_matrix:
    row = np.concatenate([part[0] for part in parts])
    column = np.concatenate([part[1] for part in parts])
    weight = np.concatenate([np.full(len(part[0]), part[2]) for part in parts])
    return sparse.csr_matrix((weight, (row, column)), shape=shape)
