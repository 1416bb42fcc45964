"""Rates, shares and coefficients fitted from real rows so that no small cell shows in them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import sparse
from sklearn.linear_model import LogisticRegression, Ridge

from crm.sources.synthetic_draws import bins, term_codes

FLOOR = 50
"""No published number rests on fewer rows than this."""


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
