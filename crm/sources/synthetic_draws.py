"""How synthetic columns are drawn: level shares, additive scores and Gaussian dependence, all vectorised."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.special import ndtr, ndtri

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]
Columns = Mapping[str, npt.NDArray[Any]]


def draw(rng: np.random.Generator, shares: Sequence[float] | Floats, size: int) -> Ints:
    """Return `size` positions in `shares`, each as likely as its share."""
    return place(rng.random(size), shares)


def place(uniform: Floats, shares: Sequence[float] | Floats) -> Ints:
    """Return the position in `shares` that each of `uniform` falls on, so that order and dependence are kept."""
    bounds = np.cumsum(np.asarray(shares, dtype=np.float64))
    return np.searchsorted(bounds[:-1] / bounds[-1], uniform, side="right")


def score(columns: Columns, terms: Sequence[Mapping[str, Any]]) -> Floats:
    """Return the sum of the terms' coefficients for each row, shape (n,).

    Each term names a column, the lower edges of its bins after the first, and a coefficient a bin; ``by`` names a
    second column with ``by_edges``, and the coefficients are then one list for each of its bins.
    """
    total = np.zeros(len(next(iter(columns.values()))))
    for term in terms:
        total += term_values(columns, term)
    return total


def term_values(columns: Columns, term: Mapping[str, Any]) -> Floats:
    """Return one term's coefficient for each row, shape (n,)."""
    return np.asarray(term["coefficients"], dtype=np.float64).ravel()[term_codes(columns, term)]


def term_codes(columns: Columns, term: Mapping[str, Any]) -> Ints:
    """Return the flat bin of each row in `term`, shape (n,)."""
    codes = np.searchsorted(term["edges"], columns[term["of"]], side="right")
    if "by" not in term:
        return codes
    return codes + (len(term["edges"]) + 1) * np.searchsorted(term["by_edges"], columns[term["by"]], side="right")


def bins(term: Mapping[str, Any]) -> int:
    """Return the number of coefficients of `term`."""
    return (len(term["edges"]) + 1) * (len(term["by_edges"]) + 1 if "by" in term else 1)


def uniform_order(normal: Floats) -> Floats:
    """Return uniforms in the order of `normal`, whatever its mean and spread."""
    return np.asarray(ndtr((normal - normal.mean()) / max(float(normal.std()), 1e-9)))


def shared_normal(parts: Sequence[tuple[float, Floats]], noise: Floats) -> Floats:
    """Return standard normals made of independent `parts` (share of the variance, values) and `noise` for the rest."""
    total = sum(share for share, _ in parts)
    mixed: Floats = np.sqrt(max(1.0 - total, 0.0)) * noise
    for share, values in parts:
        mixed += np.sqrt(share) * values
    return mixed


def happens(probability: Floats, normal: Floats) -> Flags:
    """Return whether each event happens: its chance is `probability`, its dependence that of the standard `normal`."""
    return np.asarray(normal < ndtri(np.clip(probability, 1e-9, 1 - 1e-9)))


def logistic(values: Floats) -> Floats:
    """Return ``1 / (1 + exp(-values))``."""
    return np.asarray(1.0 / (1.0 + np.exp(-values)))
