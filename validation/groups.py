"""Groups that fairness is judged on: declared ones, their intersections, and how large one has to be."""

from __future__ import annotations

import math
from collections.abc import Mapping
from itertools import combinations
from statistics import NormalDist

import numpy as np

from validation.policy import Power
from validation.scored import Grouping

UNKNOWN = "unknown"
CROSSING = " × "
"""Stands between the names of an intersection."""


def partitions(groups: Mapping[str, Grouping], order: int) -> dict[str, Grouping]:
    """Return the declared groupings and, up to `order` at a time, their intersections, named ``a × b``.

    Rows of unknown group form a level ``unknown`` of the declared grouping: people whose group was not recorded are
    judged as well. Intersections leave them out, and hold only the combinations that occur.
    """
    known = {name: with_unknown(grouping) for name, grouping in groups.items()}
    for size in range(2, order + 1):
        for names in combinations(groups, size):
            known[CROSSING.join(names)] = _crossed([groups[name] for name in names])
    return known


def with_unknown(grouping: Grouping) -> Grouping:
    """Return `grouping` with the rows of unknown group as a level of their own, where there are any."""
    if not (grouping.codes < 0).any():
        return grouping
    codes = np.where(grouping.codes < 0, len(grouping.levels), grouping.codes)
    return Grouping(codes, (*grouping.levels, UNKNOWN))


def minimum_positives(power: Power) -> int:
    """Return how many positives show a difference of `smallest_difference` from `base_rate` with the given power.

    References
    ----------
    Fleiss, Levin and Paik 2003, section 2.5: one rate against a fixed one, normal approximation, two-sided.
    """
    normal = NormalDist()
    reach = normal.inv_cdf(1 - power.significance / 2) + normal.inv_cdf(power.power)
    return math.ceil(reach**2 * power.base_rate * (1 - power.base_rate) / power.smallest_difference**2)


def _crossed(groupings: list[Grouping]) -> Grouping:
    codes = np.zeros(len(groupings[0].codes), dtype=np.int64)
    unknown = np.zeros(len(codes), dtype=bool)
    for grouping in groupings:
        unknown |= grouping.codes < 0
        codes = codes * len(grouping.levels) + grouping.codes
    found, dense = np.unique(codes[~unknown], return_inverse=True)
    codes[unknown] = -1
    codes[~unknown] = dense
    return Grouping(codes, tuple(_name(int(code), groupings) for code in found))


def _name(code: int, groupings: list[Grouping]) -> str:
    parts: list[str] = []
    for grouping in reversed(groupings):
        code, place = divmod(code, len(grouping.levels))
        parts.append(grouping.levels[place])
    return CROSSING.join(reversed(parts))
