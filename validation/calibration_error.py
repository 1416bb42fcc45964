"""Expected calibration error of groups, without what chance alone makes of it."""

from __future__ import annotations

import numpy as np

from validation.bootstrap import Draws
from validation.scored import Codes, Floats

BINS = 15
"""Equal-mass bins (Naeini et al. 2015)."""


def score_bins(score: Floats) -> Codes:
    """Return the bin of each score, shape (n,): at most `BINS` of equal mass, fewer where scores repeat."""
    edges = np.unique(np.quantile(score, np.linspace(0, 1, BINS + 1)[1:-1]))
    return np.searchsorted(edges, score, side="right").astype(np.int64)


def calibration_error(bins: Draws, groups: int) -> Draws:
    """Return the expected calibration error of each group (Kumar et al. 2019, section 5).

    The gap of a bin is as wide as its binomial error even where scores are true; a replicate's gap holds that error
    twice, its own and the sample's.

    Parameters
    ----------
    bins
        Shape (b, groups * BINS * 3): of each group and bin the sums of label minus score, of rows, and of
        score times (1 - score).
    groups
        Number of groups.
    """
    replicates = _true_gaps(bins.replicates, groups, chance=2.0)
    sample = _true_gaps(bins.sample[None], groups, chance=1.0)[0]
    known = np.isfinite(replicates)
    centre = np.where(known, replicates, 0.0).sum(axis=0) / np.maximum(known.sum(axis=0), 1)
    return Draws(sample, centre, replicates)


def _true_gaps(sums: Floats, groups: int, *, chance: float) -> Floats:
    gaps, sizes, variances = np.moveaxis(sums.reshape(len(sums), groups, BINS, 3), 3, 0)
    total = np.sqrt(np.maximum(gaps**2 - chance * variances, 0.0)).sum(axis=2)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(total / sizes.sum(axis=2))
