"""Rates, shares and coefficients fitted from real rows so that no small cell shows in them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl
from scipy import sparse
from sklearn.linear_model import LogisticRegression, Ridge

from crm.sources.synthetic_draws import bins, term_codes

FLOOR = 50
"""No published number rests on fewer rows than this."""
LONGEST_TAIL = 60
"""Where a power law that continues a rare tail ends."""


def rounded(values: Sequence[float] | npt.NDArray[Any], digits: int) -> list[float]:
    """Return `values` as plain floats with `digits` digits."""
    return [round(float(value), digits) for value in values]


def shares(counts: npt.NDArray[Any], digits: int = 5) -> list[float]:
    """Return each count's share of all."""
    return rounded(counts / counts.sum(), digits)


def pooled(events: npt.NDArray[Any], counts: npt.NDArray[Any]) -> list[float]:
    """Return rates by ordered bin; neighbours are pooled until each pool holds `FLOOR` events and non-events."""
    rates = np.zeros(len(counts))
    start, last = 0, 0
    for end in range(1, len(counts) + 1):
        happened, n = events[start:end].sum(), counts[start:end].sum()
        if min(happened, n - happened) >= FLOOR:
            rates[start:end] = happened / n
            start, last = end, start
    if start < len(counts):
        rates[last:] = events[last:].sum() / counts[last:].sum()
    return rounded(rates, 4)


def tailed(values: npt.NDArray[Any]) -> list[float]:
    """Return shares of 1, 2, ...; what is rarer than the floor is continued by a power law with the mean it has."""
    counts = np.bincount(values)[1:].astype(float)
    kept = int(np.argmax(counts < FLOOR))
    tail, place = values[values > kept], np.arange(kept + 1, LONGEST_TAIL + 1)
    steep, flat = 12.0, 0.5
    for _ in range(40):
        exponent = (steep + flat) / 2
        weights = place**-exponent
        above = (place @ weights) / weights.sum() > tail.mean()
        steep, flat = (steep, exponent) if above else (exponent, flat)
    continued = len(tail) * weights / weights.sum()
    return rounded(np.concatenate([counts[:kept], continued]) / counts.sum(), 5)


def gap_shares(gap: pl.Series) -> list[float]:
    """Return shares of gaps of 0, 1, ... working days, up to the first rare one."""
    counts = np.bincount(gap.drop_nulls().to_numpy(), minlength=2)
    rare = np.flatnonzero(counts[1:] < FLOOR)
    counts = counts[: rare[0] + 1] if len(rare) else counts
    return shares(np.where(counts < FLOOR, 0, counts))


def levelled(counts: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Return `counts` with every week that holds a cell below the floor levelled; thin weeks are levelled together."""
    level = counts.copy()
    start = 1
    for end in range(8, len(counts) + 7, 7):
        week = counts[start:end]
        if week.sum() < FLOOR and end < len(counts):
            continue
        if week.min() < FLOOR:
            level[start:end] = week.mean()
        start = end
    return level


def count_bins(values: npt.NDArray[Any]) -> dict[str, Any]:
    """Return bins that hold `FLOOR` rows each: lower edges, an end that keeps the last one's mean, and shares."""
    counts = np.bincount(values)
    edges, sums, held = [int(values.min())], [], 0
    for value in range(int(values.min()), len(counts)):
        held += counts[value]
        if held >= FLOOR and counts[value + 1 :].sum() >= FLOOR:
            edges.append(value + 1)
            sums.append(held)
            held = 0
    tail = values[values >= edges[-1]]
    end = max(edges[-1] + 1, round(2 * float(tail.mean()) - edges[-1]) + 1)
    return {"edges": [*edges, end], "shares": shares(np.asarray([*sums, held]))}


def fit_terms(
    columns: Mapping[str, npt.NDArray[Any]],
    terms: Sequence[Mapping[str, Any]],
    target: npt.NDArray[Any],
    *,
    kind: str,
) -> tuple[float, list[dict[str, Any]]]:
    """Return intercept and `terms` with their penalised coefficients.

    Bins of fewer than `FLOOR` rows share one coefficient, which the penalty holds near zero.
    """
    codes = [_floored(term_codes(columns, term), bins(term)) for term in terms]
    design = sparse.hstack([_indicators(code, bins(term)) for code, term in zip(codes, terms, strict=True)]).tocsr()
    if kind == "logistic":
        model = LogisticRegression(C=0.5, max_iter=300).fit(design, target)
        weights, intercept = model.coef_[0], float(model.intercept_[0])
    else:
        model = Ridge(alpha=10.0).fit(design, target)
        weights, intercept = model.coef_, float(model.intercept_)
    fitted, start = [], 0
    for term, code in zip(terms, codes, strict=True):
        values = weights[start : start + bins(term)].copy()
        values[np.bincount(code[code >= 0], minlength=bins(term)) == 0] = 0.0
        fitted.append(dict(term) | {"coefficients": rounded(values, 3)})
        start += bins(term)
    return intercept, fitted


def _floored(code: npt.NDArray[Any], size: int) -> npt.NDArray[Any]:
    counts = np.bincount(code, minlength=size)
    return np.where(counts[code] < FLOOR, -1, code)


def _indicators(code: npt.NDArray[Any], size: int) -> sparse.csr_matrix:
    rows = np.flatnonzero(code >= 0)
    return sparse.csr_matrix((np.ones(len(rows)), (rows, code[rows])), shape=(len(code), size))
