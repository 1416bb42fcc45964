"""How the columns of a stay depend on each other, on the patient and on the stays before: a Gaussian copula."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from crm.sources.synthetic_draws import Floats

PERSON = ("sex", "race", "age")
"""Columns that are the patient's and the same at every stay."""


class StayCopula:
    """Standard normals behind a stay's columns, in the order of the parameters' columns.

    A column is explained by the person as far as the correlation says; what is left is in part the patient's own, the
    same at every stay, and in part the stay's.
    """

    def __init__(self, parameters: Mapping[str, Any]) -> None:
        names = list(parameters["columns"])
        correlation = np.asarray(parameters["correlation"])
        self._root = np.linalg.cholesky(correlation).T
        self._person = [names.index(name) for name in PERSON]
        within = correlation[np.ix_(self._person, self._person)]
        self._effects = np.linalg.solve(within, correlation[self._person])
        explained = np.einsum("ij,ij->j", self._effects, correlation[self._person])
        left = np.maximum(1 - explained, 1e-9)
        wanted = np.asarray([_own_share(parameters, name) for name in names])
        self._share = np.clip((wanted - explained) / left, 0.0, 1.0)
        self._share[self._person] = 1.0
        self._shifts = np.asarray([parameters["columns"][name]["shift"] for name in names])
        self._spreads = np.asarray([parameters["columns"][name]["spread"] for name in names])

    def draw(self, size: int, rng: np.random.Generator) -> Floats:
        """Return correlated standard normals, shape (size, columns)."""
        return np.asarray(rng.standard_normal((size, len(self._root))) @ self._root)

    def mix(self, own: Floats, stay: Floats, number: int) -> Floats:
        """Return the normals of a stay after `number` others, of the patient's `own` and of this `stay`'s."""
        person = own[:, self._person] @ self._effects
        rest = stay - stay[:, self._person] @ self._effects
        mixed = person + np.sqrt(self._share) * (own - person) + np.sqrt(1 - self._share) * rest
        step = min(number, self._shifts.shape[1] - 1)
        return np.asarray(self._shifts[:, step] + self._spreads[:, step] * mixed)


def _own_share(parameters: Mapping[str, Any], name: str) -> float:
    """Return the correlation between a patient's stays that repeating a level does not explain already."""
    if name in PERSON:
        return 1.0
    repeated = float(parameters["repeated"][name]["later"]) if name in parameters["repeated"] else 0.0
    return max(0.0, (float(parameters["within_patient"][name]) - repeated) / (1 - repeated))
