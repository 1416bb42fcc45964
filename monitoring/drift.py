"""Drift: whether the model is asked about other patients than it learned from, by the population stability index.

References
----------
Siddiqi 2006, Credit Risk Scorecards (the index and its limits). Yurdakul 2018, Statistical Properties of Population
Stability Index (under no drift it is (1/n + 1/m) times a chi-square variable with bins - 1 degrees of freedom).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.stats import chi2

from models.artifact import FittedModel
from monitoring.finding import Alarm, Finding
from monitoring.policy import DriftLimits

Floats = npt.NDArray[np.float64]
SCORE = "score"


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


def reference_of(values: Floats, bins: int) -> Reference:
    """Return how `values` lie, shape (n,), NaN where missing; ties merge bins."""
    known = values[~np.isnan(values)]
    edges = np.unique(np.quantile(known, np.linspace(0, 1, bins + 1)[1:-1])) if len(known) else np.empty(0)
    return Reference(edges, _shares(values, edges), len(values))


def references(model: FittedModel, inputs: npt.NDArray[np.float32], bins: int) -> dict[str, Reference]:
    """Return how each feature and the score lay in training.

    Parameters
    ----------
    model
        Whose features they are.
    inputs
        Encoded training rows, shape (n, features).
    bins
        Of each column.
    """
    return {name: reference_of(values, bins) for name, values in _columns(model, inputs).items()}


def drift(
    model: FittedModel, inputs: npt.NDArray[np.float32], known: Mapping[str, Reference], limits: DriftLimits
) -> list[Finding]:
    """Return one finding for each feature and for the score, by how rows of late lie against training.

    Parameters
    ----------
    model
        Whose features they are.
    inputs
        Encoded rows of late, shape (n, features).
    known
        As `references` made it.
    limits
        From which index on to watch and to act.
    """
    columns = _columns(model, inputs)
    return [judge_drift(name, columns[name], reference, limits) for name, reference in known.items()]


def judge_drift(name: str, values: Floats, reference: Reference, limits: DriftLimits) -> Finding:
    """Return the finding for one column of `values`, shape (n,)."""
    n = len(values)
    if n < limits.least_rows:
        reason = f"{n} rows are too few to tell: at least {limits.least_rows} are needed"
        return Finding(f"psi[{name}]", Alarm.WATCH, None, None, None, n, reason)
    index = stability_index(reference.shares, _shares(values, reference.edges), limits.least_share)
    chance = _by_chance(reference, n, limits.confidence)
    alarm = next(
        (alarm for alarm, limit in ((Alarm.ACT, limits.act), (Alarm.WATCH, limits.watch)) if index > limit + chance),
        Alarm.OK,
    )
    reason = f"index {index:.3f}; watch from {limits.watch}, act from {limits.act}, chance alone gives {chance:.3f}"
    return Finding(f"psi[{name}]", alarm, index, max(index - chance, 0.0), index, n, reason)


def stability_index(expected: Floats, found: Floats, least_share: float) -> float:
    """Return the population stability index of two vectors of shares; 0 where they are the same."""
    before, now = np.maximum(expected, least_share), np.maximum(found, least_share)
    return float(np.sum((now - before) * np.log(now / before)))


def _by_chance(reference: Reference, n: int, confidence: float) -> float:
    freedom = max(int((reference.shares > 0).sum()) - 1, 1)
    return float(chi2.ppf(confidence, freedom) * (1 / n + 1 / reference.rows))


def _shares(values: Floats, edges: Floats) -> Floats:
    missing = np.isnan(values)
    counts = np.bincount(np.searchsorted(edges, values[~missing], side="left"), minlength=len(edges) + 1)
    return np.append(counts, missing.sum()) / max(len(values), 1)


def _columns(model: FittedModel, inputs: npt.NDArray[np.float32]) -> dict[str, Floats]:
    wide = inputs.astype(np.float64)
    features = {column.name: wide[:, at] for at, column in enumerate(model.columns)}
    return {**features, SCORE: model.predict_encoded(inputs)}
