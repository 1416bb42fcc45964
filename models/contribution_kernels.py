"""Exact path-dependent TreeSHAP in machine code.

A leaf's weight, when each feature on its way is known with probability t, is the product over these features of
``t * known + (1 - t) * share``; a feature's Shapley value is the integral over t in (0, 1) of what that product gains
by the feature (Owen 1972). It is a polynomial, so a few Gauss points integrate it exactly. Sums over leaves are carried
up the tree as in Linear TreeSHAP (Yu et al. 2022), in time linear in the nodes. With ``F`` for the part of a node's
weight that goes left and ``R`` for what is below a node in units of its weight ``P``::

    R(node) = F * R(left) + (1 - F) * R(right)
    value of the node's feature += sum over points of weight * P * (R(left) - R(right)) * (went_left * above - below)

No array is allocated by a row, and every loop over lanes reads and writes what lies side by side.
"""

# mypy: disable-error-code="no-untyped-def,no-untyped-call,untyped-decorator"

from __future__ import annotations

import numba
import numpy as np

from models.compiled import compiled
from models.tree_arrays import LANES

ROWS = 64
"""Rows that go through a tree side by side."""
AT_ONCE = 4
"""Groups of `ROWS` that a tree is kept in the processor's cache for."""


NODES = (
    "int64[::1], int32[::1], float32[::1], boolean[::1], int32[::1], int32[::1], float32[::1], float32[::1],"
    " float32[::1], float32[::1], float32[:, ::1], float32[:, ::1], float32[:, ::1]"
)
"""The trees: what a row reads of them is memory that other work drives out of the cache, so it is kept small."""


def _of_one(lanes):
    """Return the function for few rows where the Gauss points are a multiple of `lanes`, which the compiler knows."""

    @compiled(f"void({NODES}, int64, float32[:, ::1], float64[:, ::1])", contract=True)
    def contributions_of_one(
        roots, feature, threshold, default_left, left, previous, side, ratio, below, above, fixed, moving, weight,
        largest, inputs, out,
    ):  # fmt: skip
        """Add what each feature gives to `out`, row by row: quickest for few rows."""
        share, coming, under = np.empty((largest, lanes)), np.empty((largest, lanes)), np.empty((largest, lanes))
        went, known = np.empty(largest), np.empty(largest)
        for row in range(inputs.shape[0]):
            for tree in range(roots.shape[0] - 1):
                for point in range(0, fixed.shape[1], lanes):
                    coming[0, :] = 1.0
                    root, size = roots[tree], roots[tree + 1] - roots[tree]
                    for at in range(size):
                        node = root + at
                        if feature[node] < 0:
                            continue
                        value = inputs[row, feature[node]]
                        goes = default_left[node] if value != value else value < threshold[node]  # noqa: PLR0124
                        went[at] = 1.0 if goes else 0.0
                        known[at] = 1.0
                        last = previous[node]
                        if last >= 0:
                            known[at] = known[last] if went[last] == side[node] else 0.0
                        child = left[node]
                        for lane in range(lanes):
                            told = fixed[node, point + lane] + moving[node, point + lane] * went[at]
                            part = ratio[node] + known[at] * (told - ratio[node])
                            share[at, lane] = part
                            coming[child, lane] = coming[at, lane] * part
                            coming[child + 1, lane] = coming[at, lane] - coming[child, lane]
                    for at in range(size - 1, -1, -1):
                        node = root + at
                        if feature[node] < 0:
                            under[at, :] = threshold[node]
                            continue
                        child = left[node]
                        gain = 0.0
                        for lane in range(lanes):
                            apart = under[child, lane] - under[child + 1, lane]
                            under[at, lane] = under[child + 1, lane] + share[at, lane] * apart
                            gain += coming[at, lane] * weight[node, point + lane] * apart
                        out[row, feature[node]] += gain * known[at] * (went[at] * above[node] - below[node])

    return contributions_of_one


contributions_of_one = {lanes: _of_one(lanes) for lanes in LANES}
"""By how many Gauss points are taken at once."""


@numba.njit(error_model="numpy", fastmath={"contract"})
def _down(  # noqa: PLR0912
    at, node, points, feature, threshold, default_left, left, previous, first, side, ratio, below, above,
    fixed, moving, block, went, known, gives, share, coming,
):  # fmt: skip
    """Decide at a node for `ROWS` rows, and hand its weight down to its children."""
    asked, cut = feature[node], threshold[node]
    if default_left[node]:
        for lane in range(ROWS):
            went[at, lane] = 0.0 if block[asked, lane] >= cut else 1.0
    else:
        for lane in range(ROWS):
            went[at, lane] = 1.0 if block[asked, lane] < cut else 0.0
    last, mean, low, high = previous[node], np.float64(ratio[node]), np.float64(below[node]), np.float64(above[node])
    if last < 0:
        for lane in range(ROWS):
            gives[at, lane] = went[at, lane] - low
        for point in range(points):
            still, moved = np.float64(fixed[node, point]), np.float64(moving[node, point])
            for lane in range(ROWS):
                share[at * points + point, lane] = still + moved * went[at, lane]
    else:
        sign, start = 2.0 * side[node] - 1.0, 1.0 - side[node]
        if first:
            for lane in range(ROWS):
                known[at, lane] = start + sign * went[last, lane]
        else:
            for lane in range(ROWS):
                known[at, lane] = (start + sign * went[last, lane]) * known[last, lane]
        for lane in range(ROWS):
            gives[at, lane] = (went[at, lane] * high - low) * known[at, lane]
        for point in range(points):
            still, moved = fixed[node, point] - mean, np.float64(moving[node, point])
            for lane in range(ROWS):
                share[at * points + point, lane] = mean + known[at, lane] * (still + moved * went[at, lane])
    child = left[node]
    for point in range(points):
        own, one, other = at * points + point, child * points + point, (child + 1) * points + point
        for lane in range(ROWS):
            coming[one, lane] = coming[own, lane] * share[own, lane]
        for lane in range(ROWS):
            coming[other, lane] = coming[own, lane] - coming[one, lane]


@numba.njit(error_model="numpy", fastmath={"contract"})
def _up(at, node, points, feature, left, weight, gives, share, coming, under, found):
    """Sum up what is below a node for `ROWS` rows, and give its feature what it gains."""
    child, asked = left[node], feature[node]
    for point in range(points):
        own, one, other = at * points + point, child * points + point, (child + 1) * points + point
        scale = np.float64(weight[node, point])
        for lane in range(ROWS):
            under[own, lane] = under[other, lane] + share[own, lane] * (under[one, lane] - under[other, lane])
        for lane in range(ROWS):
            gain = coming[own, lane] * (under[one, lane] - under[other, lane]) * scale
            found[asked, lane] += gain * gives[at, lane]


@compiled(f"void({NODES}, int64, int64, float32[:, ::1], float64[:, ::1])", contract=True)
def contributions_of_many(
    roots, feature, threshold, default_left, left, previous, side, ratio, below, above, fixed, moving, weight,
    points, largest, inputs, out,
):  # fmt: skip
    """Add what each feature gives to `out`, `ROWS` rows side by side: quickest for many rows."""
    rows, features = inputs.shape
    share, coming = np.empty((largest * points, ROWS)), np.empty((largest * points, ROWS))
    under = np.empty((largest * points, ROWS))
    went, known, gives = np.empty((largest, ROWS)), np.empty((largest, ROWS)), np.empty((largest, ROWS))
    blocks, found = np.zeros((AT_ONCE, features, ROWS), np.float32), np.zeros((AT_ONCE, features, ROWS))
    for start in range(0, rows, ROWS * AT_ONCE):
        end = min(start + ROWS * AT_ONCE, rows)
        for row in range(start, end):
            for column in range(features):
                blocks[(row - start) // ROWS, column, (row - start) % ROWS] = inputs[row, column]
        found[:] = 0.0
        for tree in range(roots.shape[0] - 1):
            root, size = roots[tree], roots[tree + 1] - roots[tree]
            coming[:points] = 1.0
            for group in range((end - start + ROWS - 1) // ROWS):
                for at in range(size):
                    node = root + at
                    if feature[node] >= 0:
                        first = previous[node] < 0 or previous[root + previous[node]] < 0
                        _down(
                            at, node, points, feature, threshold, default_left, left, previous, first, side, ratio,
                            below, above, fixed, moving, blocks[group], went, known, gives, share, coming,
                        )  # fmt: skip
                for at in range(size - 1, -1, -1):
                    node = root + at
                    if feature[node] >= 0:
                        _up(at, node, points, feature, left, weight, gives, share, coming, under, found[group])
                    else:
                        under[at * points : (at + 1) * points] = threshold[node]
        for row in range(start, end):
            for column in range(features):
                out[row, column] += found[(row - start) // ROWS, column, (row - start) % ROWS]
