"""The calibration line and offset, and what each row adds to one more step towards them.

A bootstrap replicate takes one Newton step from the sample's estimate: its sums are linear in how often each patient
counts, and it lands where a refit would but for terms of second order.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy.special import expit

from validation.scored import Flags, Floats

Step = Callable[[Floats], Floats]
Likelihood = Callable[[Floats], float]
STEPS, HALVINGS, TOLERANCE = 25, 30, 1e-10


def calibration_offset(label: Flags, score: Floats) -> float:
    """Return the log-odds to be added to every score so that as many are expected as happened (Cox 1958).

    NaN where only one outcome occurs.
    """
    logit = logit_of(score)

    def step(at: Floats) -> Floats:
        residual, spread = offset_terms(label, logit, float(at[0])).sum(axis=0)
        return np.array([residual / spread if spread > 0 else np.nan])

    return float(_climb(np.zeros(1), step, lambda at: _likelihood(label, at[0] + logit), label)[0])


def calibration_line(label: Flags, score: Floats) -> tuple[float, float]:
    """Return intercept and slope of the logistic regression of `label` on ``logit(score)`` (Cox 1958).

    NaN where only one outcome occurs, or the score separates them.
    """
    logit = logit_of(score)

    def step(at: Floats) -> Floats:
        change: Floats = newton_step(line_terms(label, logit, at).sum(axis=0)[None])[0]
        return change

    line = _climb(np.array([0.0, 1.0]), step, lambda at: _likelihood(label, at[0] + at[1] * logit), label)
    return float(line[0]), float(line[1])


def _climb(start: Floats, step: Step, likelihood: Likelihood, label: Flags) -> Floats:
    """Return where Newton's steps end, each halved until the likelihood no longer falls.

    NaN where they end nowhere: one outcome alone, or outcomes that the score separates.
    """
    if label.all() or not label.any():
        return np.full(len(start), np.nan)
    at, value = start, likelihood(start)
    for _ in range(STEPS):
        change = step(at)
        if not np.isfinite(change).all():
            return np.full(len(start), np.nan)
        for _ in range(HALVINGS):
            if likelihood(at + change) >= value:
                break
            change = change / 2
        at, value = at + change, likelihood(at + change)
        if not np.abs(change).max() > TOLERANCE:
            break
    return at


def _likelihood(label: Flags, logit: Floats) -> float:
    return float(np.sum(label * logit - np.logaddexp(0, logit)))


def offset_terms(label: Flags, logit: Floats, offset: float | Floats) -> Floats:
    """Return each row's share in gradient and information of the calibration offset, one or each row's own: (n, 2)."""
    mean = expit(offset + logit)
    return np.column_stack([label - mean, mean * (1 - mean)])


def line_terms(label: Flags, logit: Floats, line: Floats) -> Floats:
    """Return each row's share in gradient and information of the calibration line, shape (n, 5).

    `line` holds intercept and slope, shape (2,), or each row's own, shape (2, n).
    """
    mean = expit(line[0] + line[1] * logit)
    residual, spread = label - mean, mean * (1 - mean)
    return np.column_stack([residual, residual * logit, spread, spread * logit, spread * logit * logit])


def newton_step(sums: Floats) -> Floats:
    """Return the step of intercept and slope from summed `line_terms`, shape (b, 2); NaN where it is not determined."""
    g0, g1, h00, h01, h11 = sums.T
    determinant = h00 * h11 - h01 * h01
    safe = np.where(np.abs(determinant) > 1e-12, determinant, np.nan)
    return np.column_stack([(h11 * g0 - h01 * g1) / safe, (h00 * g1 - h01 * g0) / safe])


def logit_of(score: Floats) -> Floats:
    """Return the log-odds of `score`, kept finite."""
    clipped = np.clip(score, 1e-7, 1 - 1e-7)
    return np.asarray(np.log(clipped / (1 - clipped)))
