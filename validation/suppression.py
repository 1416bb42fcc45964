"""Which groups are named without numbers, because few people stand behind them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from validation.groups import CROSSING
from validation.scored import Codes, Flags


def suppressed(levels: Sequence[str], n: Codes, positives: Codes, under: int) -> Flags:
    """Return which groups of a partition may not be shown with numbers, shape (groups,).

    A group with fewer than `under` rows, positives or negatives is withheld. So is the next smallest of every line that
    would else give it away by subtraction: the whole of a declared partition, each row and column of an intersection.

    References
    ----------
    Willenborg and de Waal 2001, Elements of Statistical Disclosure Control, section 1.4 (secondary suppression).
    """
    hidden: Flags = np.minimum.reduce([n, positives, n - positives]) < under
    lines = [line for line in _lines(levels) if len(line) > 1]
    for _ in range(len(levels)):
        lone = [line for line in lines if hidden[line].sum() == 1]
        if not lone:
            break
        for line in lone:
            if hidden[line].sum() == 1:
                shown = line[~hidden[line]]
                hidden[shown[np.argmin(n[shown])]] = True
    return hidden


def _lines(levels: Sequence[str]) -> list[Codes]:
    """Return the places of groups whose numbers add up to one that stands in another table."""
    parts = [level.split(CROSSING) for level in levels]
    lines: dict[tuple[int, tuple[str, ...]], list[int]] = {}
    for place, names in enumerate(parts):
        for axis in range(len(names)):
            others = tuple(name for at, name in enumerate(names) if at != axis)
            lines.setdefault((axis, others), []).append(place)
    return [np.array(line) for line in lines.values()]
