"""A booster's trees, run without xgboost: its margins to the bit, and exact contributions many times as fast."""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

from caregate.errors import CaregateError
from models import contribution_kernels, tree_kernels
from models.boosters import xgb
from models.tree_arrays import TreeArrays, lanes_for, read_trees

Inputs = npt.NDArray[np.float32]
Floats = npt.NDArray[np.float64]

FEW = 8
"""Up to so many rows go through the trees one by one."""
A_THREADS = 4096
"""Rows for which a thread is worth its start."""


class WrongWidth(CaregateError):
    """The inputs are not as many as the booster's features."""

    def __init__(self, given: int, asked: int) -> None:
        super().__init__(f"the inputs have {given} columns, the booster has {asked} features: encode them with its own")


@dataclass(frozen=True)
class Trees:
    """The trees of one booster, ready to run.

    Attributes
    ----------
    arrays
        The nodes.
    threads
        How many one call may use, 0 for all; calls may run beside each other.
    """

    arrays: TreeArrays
    threads: int = 0

    @classmethod
    def of(cls, booster: xgb.Booster, *, threads: int = 0) -> Trees:
        """Read the trees of `booster`.

        Raises
        ------
        models.tree_arrays.UnsupportedBooster
            If it is no gbtree for binary:logistic with splits of numbers.
        """
        return cls(read_trees(booster), threads)

    @cached_property
    def base_margin(self) -> np.float32:
        """The log-odds that the trees add to."""
        return np.float32(tree_kernels.base_margin(self.arrays.base_score))

    @cached_property
    def bias(self) -> float:
        """The mean margin of the training rows: what contributions are measured from, in log-odds."""
        return float(self.base_margin) + sum(self._means())

    def margins(self, inputs: Inputs) -> npt.NDArray[np.float32]:
        """Return log-odds, shape (n,): bit for bit ``Booster.predict(output_margin=True)``.

        Parameters
        ----------
        inputs
            Shape (n, features), missing values as NaN.
        """
        arrays = self.arrays
        nodes = arrays.roots, arrays.depths, arrays.feature, arrays.threshold
        children = arrays.default_left, arrays.left, arrays.right
        rows = self._checked(inputs)
        out = np.full(len(rows), self.base_margin, dtype=np.float32)
        self._spread(lambda part: tree_kernels.margins(*nodes, *children, rows[part], out[part]), len(rows))
        return out

    def probabilities(self, inputs: Inputs) -> npt.NDArray[np.float32]:
        """Return probabilities as ``Booster.inplace_predict`` does, shape (n,).

        They are its very bits where Numba and xgboost share the platform's ``expf``, and else within one unit in the
        last place.
        """
        margins = self.margins(inputs)
        tree_kernels.probabilities(margins, margins)
        return margins

    def contributions(self, inputs: Inputs) -> Floats:
        """Return exact path-dependent contributions in log-odds, shape (n, features).

        With `bias` they add up to the margin. Path-dependent TreeSHAP (Lundberg et al. 2020, algorithm 2), as
        ``Booster.predict(pred_contribs=True)``, but summed in float64.
        """
        rows = self._checked(inputs)
        out = np.zeros(rows.shape, dtype=np.float64)
        nodes, largest = self._explaining, self.arrays.largest
        if len(rows) <= FEW:
            contribution_kernels.contributions_of_one[lanes_for(self.arrays.points)](*nodes, largest, rows, out)
            return out
        points = self.arrays.points
        self._spread(
            lambda part: contribution_kernels.contributions_of_many(*nodes, points, largest, rows[part], out[part]),
            len(rows),
        )
        return out

    @cached_property
    def _explaining(self) -> tuple[npt.NDArray[Any], ...]:
        arrays = self.arrays
        nodes = arrays.roots, arrays.feature, arrays.threshold, arrays.default_left, arrays.left, arrays.previous
        return *nodes, arrays.side, arrays.ratio, arrays.below, arrays.above, arrays.fixed, arrays.moving, arrays.weight

    def _checked(self, inputs: Inputs) -> Inputs:
        if inputs.ndim != 2 or inputs.shape[1] != self.arrays.features:
            raise WrongWidth(inputs.shape[-1], self.arrays.features)
        return np.ascontiguousarray(inputs, dtype=np.float32)

    def _spread(self, run: Callable[[slice], None], rows: int) -> None:
        """Run over all rows, in threads where there are many: the compiled code holds no lock of Python's."""
        threads = min(self.threads or len(os.sched_getaffinity(0)), -(-rows // A_THREADS))
        if threads <= 1:
            run(slice(0, rows))
            return
        ends = np.linspace(0, rows, threads + 1).astype(int).tolist()
        with ThreadPoolExecutor(threads) as pool:
            list(pool.map(run, [slice(start, end) for start, end in pairwise(ends)]))

    def _means(self) -> list[float]:
        arrays, means = self.arrays, []
        for root, end in pairwise(arrays.roots.tolist()):
            mean = arrays.threshold[root:end].astype(np.float64)
            for at in range(end - root - 1, -1, -1):
                if arrays.feature[root + at] >= 0:
                    left, share = arrays.left[root + at], arrays.ratio[root + at]
                    mean[at] = share * mean[left] + (1 - share) * mean[left + 1]
            means.append(float(mean[0]))
        return means
