"""Inputs that no patient stands behind, drawn from a model's own columns: to try its files where rows may not go."""

from __future__ import annotations

import numpy as np

from models.artifact import Column, FittedModel
from models.spec import Kind
from validation.parts import Inputs
from validation.scored import Floats

MISSING = 0.1
"""Share of the values that are left out, so that every split's way of a missing value is gone as well."""


def reference_inputs(model: FittedModel, *, seed: int, rows: int) -> Inputs:
    """Return encoded inputs for `model`, shape (rows, features): even over each column's range or levels, some missing.

    The same seed gives the same inputs.
    """
    chance = np.random.default_rng(seed)
    values = np.column_stack([_drawn(column, rows, chance) for column in model.columns])
    values[chance.random(values.shape) < MISSING] = np.nan
    return values.astype(np.float32)


def _drawn(column: Column, rows: int, chance: np.random.Generator) -> Floats:
    if column.kind == Kind.CATEGORY:
        return chance.integers(0, max(len(column.levels), 1), rows).astype(np.float64)
    if column.low is None or column.high is None:
        return np.full(rows, np.nan)
    if column.kind == Kind.FLAG:
        return chance.integers(0, 2, rows).astype(np.float64)
    return chance.uniform(column.low, column.high, rows)
