"""Who is acted on: the highest scores within a capacity, with a floor for each group.

Each group gets at least a share of the overall rate for its own highest scores; what is left of the capacity goes by
score alone. Scores are not changed by it, nor compared with a threshold of the group's own choosing.
"""

from __future__ import annotations

import numpy as np

from validation.scored import Codes, Flags, Floats, Grouping


def allocate(score: Floats, capacity: float, grouping: Grouping | None = None, floor: float = 0.0) -> Flags:
    """Choose the rows to act on.

    Parameters
    ----------
    score
        Shape (n,). Ties go to the row that stands first.
    capacity
        Share of the rows that can be acted on; ``floor(n * capacity)`` rows are chosen.
    grouping
        The partition whose groups have a floor; rows of unknown group form one of their own.
    floor
        The least share of the overall rate, 0 to 1, that each group gets.

    Returns
    -------
    Flags
        Shape (n,): true for the chosen rows, never more than the capacity holds.
    """
    places = int(len(score) * capacity)
    ranking = np.argsort(-score, kind="stable")
    chosen = np.zeros(len(score), dtype=bool)
    if grouping is not None and floor > 0:
        chosen[_reserved(ranking, grouping.codes, capacity * floor)] = True
    left = ranking[~chosen[ranking]]
    chosen[left[: places - int(chosen.sum())]] = True
    return chosen


def _reserved(ranking: Codes, codes: Codes, rate: float) -> Codes:
    """Return the highest-ranked rows of each group, as many as `rate` of its size, rounded down."""
    by_group = ranking[np.argsort(codes[ranking], kind="stable")]
    sorted_codes = codes[by_group]
    first = np.searchsorted(sorted_codes, sorted_codes, "left")
    size = np.searchsorted(sorted_codes, sorted_codes, "right") - first
    place = np.arange(len(by_group)) - first
    reserved: Codes = by_group[place < np.floor(size * rate + 1e-9)]
    return reserved
