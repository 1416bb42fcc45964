"""Curves that the report draws, thinned to a few hundred points."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import NormalDist

import numpy as np

from validation.scored import Codes, Flags, Floats

POINTS = 200
SCORE_BINS = 40
Z = NormalDist().inv_cdf(0.975)


@dataclass(frozen=True)
class Bins:
    """Bins of equal size by score: mean score, share that happened and its Wilson bounds, shape (bins,) each."""

    predicted: Floats
    observed: Floats
    low: Floats
    high: Floats


def roc_curve(label: Flags, score: Floats) -> tuple[Floats, Floats]:
    """Return false and true positive rates, shape (points,) each."""
    true, false = _cumulative(label, score)
    keep = thinned(len(true))
    return false[keep] / max(false[-1], 1), true[keep] / max(true[-1], 1)


def precision_recall_curve(label: Flags, score: Floats) -> tuple[Floats, Floats]:
    """Return recall and precision, shape (points,) each, from the hundredth highest score on, where it is no noise."""
    true, false = _cumulative(label, score)
    flagged = true + false
    enough = np.flatnonzero(flagged >= min(100, flagged[-1]))
    keep = enough[thinned(len(enough))]
    return true[keep] / max(true[-1], 1), true[keep] / flagged[keep]


def calibration_bins(label: Flags, score: Floats, bins: int, under: int) -> Bins:
    """Return calibration in at most `bins` bins of equal size (Wilson 1927 for the bounds).

    Neighbours are put together until each holds at least `under` rows of both outcomes: fewer would point at people.
    """
    parts = _large_enough(np.array_split(np.argsort(score, kind="stable"), bins), label, under)
    n = np.array([len(part) for part in parts], dtype=np.float64)
    observed = np.array([label[part].mean() for part in parts])
    predicted = np.array([score[part].mean() for part in parts])
    centre = (observed + Z * Z / (2 * n)) / (1 + Z * Z / n)
    reach = Z / (1 + Z * Z / n) * np.sqrt(observed * (1 - observed) / n + Z * Z / (4 * n * n))
    return Bins(predicted, observed, np.minimum(centre - reach, observed), np.maximum(centre + reach, observed))


def _large_enough(parts: list[Codes], label: Flags, under: int) -> list[Codes]:
    """Put neighbours together from the lowest score up; what is left over at the top joins the last."""
    answer: list[Codes] = []
    held = np.zeros(0, dtype=np.int64)
    for part in parts:
        held = np.concatenate([held, part])
        if min(label[held].sum(), (~label[held]).sum()) >= under:
            answer.append(held)
            held = np.zeros(0, dtype=np.int64)
    if len(held) and answer:
        answer[-1] = np.concatenate([answer[-1], held])
    return answer


def score_shares(score: Floats, under: int) -> tuple[Floats, Floats]:
    """Return edges and shares of a histogram; bins with fewer than `under` rows are left empty."""
    counts, edges = np.histogram(score, SCORE_BINS, (0.0, 1.0))
    shown = np.where(counts >= under, counts, 0)
    return edges, shown / max(len(score), 1)


def thinned(length: int) -> Codes:
    """Return at most `POINTS` places among `length`, evenly spread, both ends included."""
    return np.unique(np.linspace(0, length - 1, POINTS).round().astype(np.int64))


def _cumulative(label: Flags, score: Floats) -> tuple[Floats, Floats]:
    """Return true and false positives at every distinct score, highest first, from none on."""
    order = np.argsort(-score, kind="stable")
    last = np.append(np.flatnonzero(np.diff(score[order])), len(score) - 1)
    true = np.cumsum(label[order])[last].astype(np.float64)
    false = last + 1 - true
    return np.concatenate([[0.0], true]), np.concatenate([[0.0], false])
