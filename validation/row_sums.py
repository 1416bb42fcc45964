"""Values of rows by name, and their sums in every replicate."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import sparse

from validation.bootstrap import Draws, Statistic
from validation.scored import Codes, Floats


class RowSums:
    """Sums of named values over all rows: each is linear in how often a patient counts.

    Parameters
    ----------
    columns
        Shape (n,) each.
    """

    def __init__(self, columns: Mapping[str, Floats]) -> None:
        self._names = tuple(columns)
        self._columns = tuple(columns.values())

    def statistic(self, at: Codes, patient: Codes, patients: int) -> Statistic:
        """Return the statistic that sums the rows `at`, whose patients are `patient`: shape (b, columns)."""
        # Sparse, because a dense product starts threads that wait for each other longer than they multiply.
        of_patients = sparse.csr_matrix([np.bincount(patient, column[at], patients) for column in self._columns])

        def sums(counts: Floats) -> Floats:
            return np.asarray((of_patients @ np.ascontiguousarray(counts.T)).T)

        return sums

    def read(self, draws: Draws) -> Sums:
        """Return the sums by name."""
        return Sums(self._names, draws)


@dataclass(frozen=True)
class Sums:
    """What `RowSums` summed."""

    names: tuple[str, ...]
    draws: Draws

    def __getitem__(self, name: str) -> Draws:
        return self.draws.column(self.names.index(name))

    def ratio(self, above: str, below: str) -> Draws:
        """Return one sum over another, NaN or infinite where the other is 0."""
        return self[above].beside(self[below], ratio)

    def ratios(self, above: Sequence[str], below: str) -> Draws:
        """Return several sums over another."""
        at = [self.names.index(name) for name in above]
        return self.draws.map(lambda values: values[:, at]).beside(self[below], ratio)


def ratio(above: Floats, below: Floats) -> Floats:
    """Divide, without a word about what cannot be."""
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(above / below)
