"""How far rows have moved from those that a model learnt from, by the population stability index.

References
----------
Siddiqi 2006, Credit Risk Scorecards (the index and its limits). Yurdakul 2018, Statistical Properties of Population
Stability Index (under no drift it is (1/n + 1/m) times a chi-square variable with bins - 1 degrees of freedom).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.special import gammaincinv

from validation.drift_limits import DriftLimits

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Reference:
    """How one column lay in training.

    Attributes
    ----------
    edges
        Inner edges of the bins, rising; a value on an edge belongs to the bin below it.
    shares
        Shape (len(edges) + 2,): share of the rows in each bin, missing ones last.
    rows
        Rows behind them.
    """

    edges: Floats
    shares: Floats
    rows: int


@dataclass(frozen=True, slots=True)
class Shift:
    """How far one column has moved.

    Attributes
    ----------
    index
        The population stability index.
    chance
        What chance alone gives, at the limits' confidence.
    watch, act
        The limits; they are reached where `index` exceeds one by more than `chance`.
    """

    index: float
    chance: float
    watch: float
    act: float

    @property
    def to_watch(self) -> bool:
        """Whether it moved far enough to be looked at."""
        return self.index > self.watch + self.chance

    @property
    def to_act(self) -> bool:
        """Whether these are other rows than training saw."""
        return self.index > self.act + self.chance


def reference_of(values: Floats, bins: int) -> Reference:
    """Return how `values` lie, shape (n,), NaN where missing; ties merge bins."""
    known = values[~np.isnan(values)]
    edges = np.unique(np.quantile(known, np.linspace(0, 1, bins + 1)[1:-1])) if len(known) else np.empty(0)
    return Reference(edges, _shares(values, edges), len(values))


def shift_of(values: Floats, reference: Reference, limits: DriftLimits) -> Shift:
    """Return how far `values`, shape (n,), have moved from `reference`."""
    index = stability_index(reference.shares, _shares(values, reference.edges), limits.least_share)
    freedom = max(int((reference.shares > 0).sum()) - 1, 1)
    quantile = 2 * gammaincinv(freedom / 2, limits.confidence)  # chi-squared's: scipy.stats is long to import
    chance = quantile * (1 / max(len(values), 1) + 1 / max(reference.rows, 1))
    return Shift(index, float(chance), limits.watch, limits.act)


def feature_drift(
    names: Sequence[str], train: npt.NDArray[np.float32], test: npt.NDArray[np.float32], limits: DriftLimits
) -> dict[str, Shift]:
    """Return how far the held-out rows lie from the training rows, feature by feature.

    Parameters
    ----------
    names
        Of the columns.
    train, test
        Shape (n, features) each: encoded rows, missing values as NaN.
    limits
        How the index is made, and from which index on it counts.
    """
    if min(len(train), len(test)) < limits.least_rows:
        return {}
    columns = zip(names, train.T, test.T, strict=True)
    return {
        name: shift_of(after.astype(np.float64), reference_of(before.astype(np.float64), limits.bins), limits)
        for name, before, after in columns
    }


def stability_index(expected: Floats, found: Floats, least_share: float) -> float:
    """Return the population stability index of two vectors of shares; 0 where they are the same."""
    before, now = np.maximum(expected, least_share), np.maximum(found, least_share)
    return float(np.sum((now - before) * np.log(now / before)))


def _shares(values: Floats, edges: Floats) -> Floats:
    missing = np.isnan(values)
    counts = np.bincount(np.searchsorted(edges, values[~missing], side="left"), minlength=len(edges) + 1)
    return np.append(counts, missing.sum()) / max(len(values), 1)
