"""Latent normals behind observed levels and events: their scores and correlations."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.special import ndtr, ndtri

from benchmarks.fit_rates import rounded


def shared_within(
    group: npt.NDArray[Any],
    happened: npt.NDArray[np.float64],
    chance: npt.NDArray[np.float64],
    *,
    apart: npt.NDArray[Any] | None = None,
) -> float:
    """Return the latent correlation of a group's members that explains how often two of them happen together.

    Members of the same `apart` group are left out. Pairs are neighbours in the order of the rows, so that large groups
    weigh no more than their size.
    """
    order = np.argsort(group, kind="stable")
    left, right = order[:-1], order[1:]
    keep = group[left] == group[right]
    if apart is not None:
        keep &= apart[left] != apart[right]
    left, right = left[keep], right[keep]
    observed = float((happened[left] * happened[right]).mean())
    low, high = 0.0, 0.99
    a, b = ndtri(chance[left]), ndtri(chance[right])
    for _ in range(14):
        middle = (low + high) / 2
        low, high = (middle, high) if _both(a, b, middle) < observed else (low, middle)
    return round(low, 3)


def _both(a: npt.NDArray[np.float64], b: npt.NDArray[np.float64], correlation: float) -> float:
    """Return the mean chance that both events happen, by Gauss-Hermite quadrature over the shared normal."""
    nodes, weights = np.polynomial.hermite_e.hermegauss(24)
    scale, root = np.sqrt(1 - correlation), np.sqrt(correlation)
    chance = sum(
        w * ndtr((a - root * u) / scale) * ndtr((b - root * u) / scale) for u, w in zip(nodes, weights, strict=True)
    )
    return float(np.mean(chance) / weights.sum())


def copula_correlation(
    codes: Mapping[str, npt.NDArray[np.int64]], columns: Mapping[str, Mapping[str, Any]]
) -> list[list[float]]:
    """Return the latent normals' correlation: what gives the observed one once levels are cut out of them.

    A level's score is the mean of the normal within it; its Hermite coefficients turn a latent correlation into the
    observed one (Mehler 1866), which is then solved for.
    """
    names = list(columns)
    series, scored = [], []
    for name in names:
        score, coefficients = _hermite(columns[name]["shares"])
        series.append(coefficients)
        scored.append(np.where(codes[name] >= 0, score[np.maximum(codes[name], 0)], 0.0))
    observed = np.cov(np.vstack(scored))
    latent = np.eye(len(names))
    grid = np.linspace(-0.98, 0.98, 393)
    for i in range(len(names)):
        for j in range(i):
            powers = (series[i] * series[j])[:, None] * grid ** np.arange(1, len(series[i]) + 1)[:, None]
            latent[i, j] = latent[j, i] = grid[np.argmin(np.abs(powers.sum(axis=0) - observed[i, j]))]
    return [rounded(row, 3) for row in _nearest_correlation(latent)]


def _hermite(level_shares: Sequence[float], order: int = 12) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    bounds = ndtri(np.clip(np.append(0.0, np.cumsum(level_shares) / np.sum(level_shares)), 1e-12, 1 - 1e-12))
    density = np.exp(-(bounds**2) / 2) / np.sqrt(2 * np.pi)
    density[[0, -1]] = 0.0
    bounds[[0, -1]] = 0.0
    score = -np.diff(density) / np.asarray(level_shares)
    coefficients, before, now, factorial = [], np.zeros_like(bounds), np.ones_like(bounds), 1.0
    for degree in range(1, order + 1):
        factorial *= degree
        coefficients.append(float((-np.diff(density * now) * score).sum()) / np.sqrt(factorial))
        before, now = now, bounds * now - (degree - 1) * before
    return score, np.asarray(coefficients)


def _nearest_correlation(matrix: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    values, vectors = np.linalg.eigh(matrix)
    positive = vectors * np.maximum(values, 0.02) @ vectors.T
    scale = np.sqrt(np.diag(positive))
    return np.asarray(positive / np.outer(scale, scale))


def normal_scores(codes: npt.NDArray[np.int64], level_shares: Sequence[float]) -> npt.NDArray[np.float64]:
    """Return the normal score of each row, with its place within the level left to chance."""
    bounds = np.append(0.0, np.cumsum(level_shares) / np.sum(level_shares))
    place = np.random.default_rng(0).random(len(codes))
    known = np.maximum(codes, 0)
    uniform = bounds[known] + place * (bounds[known + 1] - bounds[known])
    return np.where(codes >= 0, ndtri(np.clip(uniform, 1e-6, 1 - 1e-6)), 0.0)
