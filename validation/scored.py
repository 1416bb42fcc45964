"""Held-out rows with their scores: all that the gates see of a model."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]
Codes = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Grouping:
    """A partition of the rows, such as by age.

    Attributes
    ----------
    codes
        Shape (n,): place of each row's group in `levels`, -1 where unknown.
    levels
        Names of the groups.
    """

    codes: Codes
    levels: tuple[str, ...]


@dataclass(frozen=True)
class ScoredRows:
    """Rows that the model did not see in training.

    Attributes
    ----------
    label
        Shape (n,): what happened.
    score
        Shape (n,): the calibrated probability.
    patient
        Shape (n,): a code for each patient; rows of one patient are not independent.
    groups
        Partitions that fairness is judged on.
    strata
        Subsets that quality is also judged on, shape (n,) each.
    baselines
        Scores of trivial models on the same rows: ``prevalence``, ``single-feature``, ``logistic``.
    champion
        Scores of the version in use on the same rows; None where there is none.
    """

    label: Flags
    score: Floats
    patient: Codes
    groups: Mapping[str, Grouping] = field(default_factory=dict)
    strata: Mapping[str, Flags] = field(default_factory=dict)
    baselines: Mapping[str, Floats] = field(default_factory=dict)
    champion: Floats | None = None

    @property
    def n(self) -> int:
        """Number of rows."""
        return len(self.label)
