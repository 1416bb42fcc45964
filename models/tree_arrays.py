"""A booster as arrays: its JSON read as data, its trees laid out one behind the other, each breadth first."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt

from caregate.errors import CaregateError
from models.boosters import xgb

LANES = 2, 4
"""Quadrature points of one row are taken two or four at a time; those that a depth does not need weigh nothing."""


class UnsupportedBooster(CaregateError):
    """The booster is of a kind that is not read."""

    def __init__(self, what: str) -> None:
        super().__init__(f"the booster's {what}: train with gbtree and binary:logistic on numbers")


@dataclass(frozen=True)
class TreeArrays:
    """The nodes of all trees, and what their contributions need, computed once.

    Attributes
    ----------
    features
        How many inputs the booster has.
    points
        Gauss points that integrate the deepest tree exactly; the arrays hold some that weigh nothing besides.
    base_score
        The probability that trees add to.
    roots
        First node of each tree, and the number of nodes, shape (trees + 1,).
    depths
        Of each tree.
    feature, threshold, default_left
        Of each node; a leaf has feature -1, and its value in place of the threshold.
    left, right
        Children, counted within the tree; a leaf's are itself.
    previous, side
        The node above that last asked for the same feature (-1: none), and on which side of it this one is.
    ratio, below, above
        Share of the node's training weight that went left; the share of all rows that come down to the left child,
        and to the node, when only this feature is not known.
    moving, fixed, weight
        The Gauss points of each node, shape (nodes, points): what goes left is ``fixed + moving * went_left``.
    """

    features: int
    points: int
    base_score: np.float32
    roots: npt.NDArray[np.int64]
    depths: npt.NDArray[np.int64]
    feature: npt.NDArray[np.int32]
    threshold: npt.NDArray[np.float32]
    default_left: npt.NDArray[np.bool_]
    left: npt.NDArray[np.int32]
    right: npt.NDArray[np.int32]
    previous: npt.NDArray[np.int32]
    side: npt.NDArray[np.float32]
    ratio: npt.NDArray[np.float32]
    below: npt.NDArray[np.float32]
    above: npt.NDArray[np.float32]
    fixed: npt.NDArray[np.float32]
    moving: npt.NDArray[np.float32]
    weight: npt.NDArray[np.float32]

    @cached_property
    def largest(self) -> int:
        """Nodes of the largest tree."""
        return int(np.diff(self.roots).max(initial=1))


def read_trees(booster: xgb.Booster) -> TreeArrays:
    """Read the trees of `booster`.

    Raises
    ------
    UnsupportedBooster
        If it is no gbtree for binary:logistic with splits of numbers.
    """
    learner = msgspec.json.decode(bytes(booster.save_raw("json")))["learner"]
    trees = _supported(learner)
    nodes = [_Tree(tree) for tree in trees]
    above = _joined([tree.above for tree in nodes], np.float64)
    below = _joined([tree.below for tree in nodes], np.float64)
    points = max(1, -(-max((tree.asked for tree in nodes), default=0) // 2))
    time, weight = _gauss(points)
    whole = 1 / (time + (1 - time) * above[:, None])
    return TreeArrays(
        features=int(learner["learner_model_param"]["num_feature"]),
        points=points,
        base_score=_base_score(learner["learner_model_param"]),
        roots=np.cumsum([0, *(len(tree.feature) for tree in nodes)], dtype=np.int64),
        depths=np.array([tree.depth for tree in nodes], dtype=np.int64),
        feature=_joined([tree.feature for tree in nodes], np.int32),
        threshold=_joined([tree.threshold for tree in nodes], np.float32),
        default_left=_joined([tree.default_left for tree in nodes], np.bool_),
        left=_joined([tree.left for tree in nodes], np.int32),
        right=_joined([tree.right for tree in nodes], np.int32),
        previous=_joined([tree.previous for tree in nodes], np.int32),
        side=_joined([tree.side for tree in nodes], np.float32),
        ratio=_joined([tree.ratio for tree in nodes], np.float32),
        below=below.astype(np.float32),
        above=above.astype(np.float32),
        fixed=((1 - time) * below[:, None] * whole).astype(np.float32),
        moving=(time * whole).astype(np.float32),
        weight=(weight * whole**2).astype(np.float32),
    )


def _supported(learner: Mapping[str, Any]) -> list[dict[str, Any]]:
    if learner["objective"]["name"] != "binary:logistic":
        raise UnsupportedBooster("objective is another")
    booster = learner["gradient_booster"]
    if booster["name"] != "gbtree":
        raise UnsupportedBooster("kind is another")
    trees: list[dict[str, Any]] = booster["model"]["trees"]
    for tree in trees:
        if any(tree["split_type"]) or int(tree["tree_param"]["size_leaf_vector"]) > 1:
            raise UnsupportedBooster("trees split categories or have several outputs")
    return trees


def _base_score(param: Mapping[str, str]) -> np.float32:
    scores = msgspec.json.decode(param["base_score"])
    if isinstance(scores, list):
        if len(scores) != 1:
            raise UnsupportedBooster("outputs are several")
        scores = scores[0]
    return np.float32(scores)


class _Tree:
    """The nodes of one tree, breadth first: children stand beside each other."""

    def __init__(self, tree: Mapping[str, Any]) -> None:
        lefts, rights, self._covers = tree["left_children"], tree["right_children"], tree["sum_hessian"]
        order, parents, level = [0], [-1], [0]
        for at, node in enumerate(order):
            if lefts[node] >= 0:
                order += [lefts[node], rights[node]]
                parents += [at, at]
                level += [level[at] + 1] * 2
        place = {node: at for at, node in enumerate(order)}
        self.depth = max(level)
        leaf = [lefts[node] < 0 for node in order]
        self.feature = [-1 if end else tree["split_indices"][node] for node, end in zip(order, leaf, strict=True)]
        self.threshold = [tree["split_conditions"][node] for node in order]
        self.default_left = [bool(tree["default_left"][node]) for node in order]
        self.left = [at if end else place[lefts[order[at]]] for at, end in enumerate(leaf)]
        self.right = [at if end else place[rights[order[at]]] for at, end in enumerate(leaf)]
        self.ratio = [
            0.5 if end else self._went_left(lefts[node], rights[node]) for node, end in zip(order, leaf, strict=True)
        ]
        self._follow(parents)

    def _went_left(self, left: int, right: int) -> float:
        both = self._covers[left] + self._covers[right]
        return self._covers[left] / both if both > 0 else 0.5

    def _follow(self, parents: list[int]) -> None:
        """Follow each feature down the tree: who asked for it last, and which share of rows came through."""
        size = len(self.feature)
        self.previous, self.side = [-1] * size, [0.0] * size
        self.above, self.below = [1.0] * size, [0.0] * size
        paths: list[dict[int, tuple[int, float, float]]] = [{}] * size
        self.asked = 0
        for at, feature in enumerate(self.feature):
            if at:
                paths[at] = self._arrived(paths[parents[at]], parents[at], at)
                self.asked = max(self.asked, len(paths[at]))
            if feature >= 0:
                self.previous[at], self.side[at], self.above[at] = paths[at].get(feature, (-1, 0.0, 1.0))
                self.below[at] = self.above[at] * self.ratio[at]

    def _arrived(
        self, path: dict[int, tuple[int, float, float]], parent: int, node: int
    ) -> dict[int, tuple[int, float, float]]:
        left = self.left[parent] == node
        share = self.below[parent] if left else self.above[parent] - self.below[parent]
        return {**path, self.feature[parent]: (parent, float(left), share)}


def lanes_for(points: int) -> int:
    """Return how many of `points` quadrature points are taken at once."""
    few, many = LANES
    return few if points <= few else many


def _gauss(needed: int) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Return points in (0, 1) and weights that integrate polynomials up to degree 2 * `needed` - 1 exactly."""
    points, weights = np.polynomial.legendre.leggauss(needed)
    spare = -needed % lanes_for(needed)
    return np.append((points + 1) / 2, [0.5] * spare), np.append(weights / 2, [0.0] * spare)


def _joined(parts: list[list[Any]], kind: type) -> npt.NDArray[Any]:
    return np.concatenate([np.array(part, dtype=kind) for part in parts]) if parts else np.empty(0, dtype=kind)
