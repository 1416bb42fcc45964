"""How well a single feature tells the outcome, whatever the shape in which it does.

A column that is the outcome need not rise with it: it may hold it under other codes, in the parity of a number, or by
being missing. So each feature is judged twice, as it stands and by the share of positives in its bins among other
patients (out-of-fold target mean, Micci-Barreca 2001), and the better of both counts.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from validation.parts import Parts
from validation.scored import Codes, Flags, Floats
from validation.statistics import Ranks

FOLDS = 5
"""A row's share comes from the other four fifths of the patients: enough to know it, and never its own outcome."""
LEVELS = 1000
"""Features with more distinct values are cut into `BINS` of equal mass."""
BINS = 100
PRIOR = 10.0
"""Rows of the overall rate that each bin is mixed with: a bin of one row says little."""

Values = npt.NDArray[np.float32]


def strongest_feature(parts: Parts, label: Flags, at: Codes, *, seed: int) -> tuple[str, Floats]:
    """Return the feature that alone orders the rows `at` best, and a score from it for all rows, higher if likelier.

    Parameters
    ----------
    parts
        Inputs and patients of the test rows are read.
    label
        Shape (n,): the test rows' outcomes.
    at
        Places of the rows that features are compared on.
    seed
        Of the folds.
    """
    fold = _folds(parts.test_patient, seed)
    strengths = [
        (auc_of(way(values[at], label[at], fold[at]), label[at]), place, way)
        for place, values in enumerate(parts.test_inputs.T)
        for way in (ordered, by_bins)
    ]
    _auc, place, way = max(strengths, key=lambda item: item[0])
    return parts.names[place], way(parts.test_inputs[:, place], label, fold)


def ordered(values: Values, label: Flags, _fold: Codes) -> Floats:
    """Return the values themselves, missing ones lowest, turned so that higher is likelier."""
    filled = np.where(np.isnan(values), -np.inf, values).astype(np.float64)
    return -filled if auc_of(filled, label) < 0.5 else filled


def by_bins(values: Values, label: Flags, fold: Codes) -> Floats:
    """Return the share of positives in each row's bin among the rows of other folds, missing being a bin."""
    bins = _binned(values)
    size = int(bins.max(initial=0)) + 1
    cell = fold * size + bins
    rows = np.bincount(cell, minlength=FOLDS * size).reshape(FOLDS, size).astype(np.float64)
    positives = np.bincount(cell, weights=label, minlength=FOLDS * size).reshape(FOLDS, size)
    other_rows, other_positives = rows.sum(axis=0) - rows, positives.sum(axis=0) - positives
    rate = other_positives.sum(axis=1, keepdims=True) / np.maximum(other_rows.sum(axis=1, keepdims=True), 1)
    share: Floats = (other_positives + PRIOR * rate) / (other_rows + PRIOR)
    return share[fold, bins]


def auc_of(score: Floats, label: Flags) -> float:
    """Return the Mann-Whitney statistic; one half where an outcome is missing."""
    who = np.zeros(len(label), dtype=np.int64)
    auc = float(Ranks(who, label, score, who, 1)(np.ones((1, 1)))[0, 0])
    return auc if np.isfinite(auc) else 0.5


def _folds(patient: Codes, seed: int) -> Codes:
    of_patient = np.random.default_rng(seed).integers(0, FOLDS, int(patient.max(initial=-1)) + 1)
    return of_patient[patient]


def _binned(values: Values) -> Codes:
    missing = np.isnan(values)
    known = values[~missing]
    edges = np.unique(known)
    if len(edges) > LEVELS:
        edges = np.unique(np.quantile(known, np.linspace(0, 1, BINS + 1)[1:-1]))
    bins = np.searchsorted(edges, np.where(missing, 0, values), side="right")
    return np.where(missing, len(edges) + 1, bins)
