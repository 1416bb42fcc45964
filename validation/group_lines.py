"""Calibration slope and intercept of the groups of a partition."""

from __future__ import annotations

import numpy as np

from validation.bootstrap import Draws, Statistic
from validation.calibration_line import (
    calibration_line,
    calibration_offset,
    line_terms,
    logit_of,
    newton_step,
    offset_terms,
)
from validation.scored import Codes, Floats, Grouping, ScoredRows
from validation.statistics import CellSums

TERMS = 7
"""Five of a line and two of an offset."""


class GroupLines:
    """Each group's own line and offset, from which replicates take one step.

    Parameters
    ----------
    rows
        All rows.
    grouping
        The partition; rows of code -1 count nowhere.
    """

    def __init__(self, rows: ScoredRows, grouping: Grouping) -> None:
        self._rows, self._codes, self._groups = rows, grouping.codes, len(grouping.levels)
        parts = [np.flatnonzero(grouping.codes == place) for place in range(self._groups)]
        self._lines = np.array([calibration_line(rows.label[part], rows.score[part]) for part in parts])
        self._offsets = np.array([calibration_offset(rows.label[part], rows.score[part]) for part in parts])

    def statistic(self, at: Codes, patient: Codes, patients: int) -> Statistic:
        """Return the statistic that sums the terms of the rows `at` in each group, shape (b, groups * TERMS)."""
        label, logit, code = self._rows.label[at], logit_of(self._rows.score[at]), self._codes[at]
        lines, offsets = self._lines[code].T, self._offsets[code]
        terms = np.column_stack([line_terms(label, logit, lines), offset_terms(label, logit, offsets)])
        # One outcome alone has no line; zeros say so to the step, where NaN would reach other groups.
        return CellSums(patient, code, np.nan_to_num(terms, copy=False), (patients, self._groups))

    def slope(self, draws: Draws) -> Draws:
        """Return each group's slope."""
        return draws.map(
            lambda sums: self._lines[:, 1] + newton_step(self._by_group(sums)[:, :5])[:, 1].reshape(len(sums), -1)
        )

    def intercept(self, draws: Draws) -> Draws:
        """Return each group's calibration in the large: its offset with the slope held at 1."""

        def stepped(sums: Floats) -> Floats:
            residual, spread = self._by_group(sums)[:, 5:].T
            step = residual / np.where(spread > 0, spread, np.nan)
            return np.asarray(self._offsets + step.reshape(len(sums), -1))

        return draws.map(stepped)

    def _by_group(self, sums: Floats) -> Floats:
        return sums.reshape(-1, TERMS)
