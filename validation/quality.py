"""Quality of scores under one way of splitting, without bounds: what a table of splits compares."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from validation.scored import Flags, Floats
from validation.statistics import Ranks


@dataclass(frozen=True, slots=True)
class SplitQuality:
    """How a model does under one split.

    Attributes
    ----------
    split
        In words, such as ``last fifth of the days``.
    declared
        Whether it is the split that the gates judge.
    n, positives
        Test rows.
    auc, pr_auc, brier
        On them; NaN where only one outcome occurs.
    """

    split: str
    declared: bool
    n: int
    positives: int
    auc: float
    pr_auc: float
    brier: float


def split_quality(split: str, label: Flags, score: Floats, *, declared: bool = False) -> SplitQuality:
    """Measure `score` against `label`, shape (n,) each, on the test rows of `split`."""
    everyone = np.zeros(len(label), dtype=np.int64)
    auc, pr_auc = Ranks(everyone, label, score, everyone, 1)(np.ones((1, 1)))[0]
    brier = float(np.mean((score - label) ** 2))
    return SplitQuality(split, declared, len(label), int(label.sum()), float(auc), float(pr_auc), brier)
