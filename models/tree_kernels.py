"""Trees in machine code: float32 margins, summed as xgboost sums them."""

# mypy: disable-error-code="no-untyped-def"

from __future__ import annotations

import math

import numpy as np

from models.compiled import compiled

ROWS = 64
"""Rows that go through a tree side by side."""


@compiled("float32(float32)")
def base_margin(score):
    """Return the log-odds of `score`, rounded as xgboost does."""
    one = np.float32(1)
    return -math.log(one / score - one)


@compiled("void(float32[::1], float32[::1])")
def probabilities(margins, out):
    """Write the probability of each margin, by xgboost's own formula."""
    one = np.float32(1)
    for row in range(margins.shape[0]):
        out[row] = one / (math.exp(-margins[row]) + one + np.float32(1e-16))


@compiled(
    "void(int64[::1], int64[::1], int32[::1], float32[::1], boolean[::1], int32[::1], int32[::1],"
    " float32[:, ::1], float32[::1])"
)
def margins(roots, depths, feature, threshold, default_left, left, right, inputs, out):
    """Add the leaf of every tree to `out`, tree by tree, for each row of `inputs`.

    All rows of a group go down a level before any goes down the next, by arithmetic and not by branches, so that the
    processor need not wait for one row's threshold before it reads another's.
    """
    rows = inputs.shape[0]
    at = np.empty(ROWS, np.int64)
    for start in range(0, rows, ROWS):
        group = min(ROWS, rows - start)
        for tree in range(depths.shape[0]):
            root = roots[tree]
            at[:group] = root
            for _ in range(depths[tree]):
                for row in range(group):
                    node = at[row]
                    value = inputs[start + row, max(feature[node], 0)]
                    absent = value != value  # noqa: PLR0124
                    right_of = (absent & (not default_left[node])) | ((not absent) & (not value < threshold[node]))
                    at[row] = root + left[node] + (right[node] - left[node]) * right_of
            for row in range(group):
                out[start + row] += threshold[at[row]]
