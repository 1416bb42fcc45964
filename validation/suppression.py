"""Which groups are named without numbers, because few people stand behind them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from validation.groups import CROSSING
from validation.measured import Partition
from validation.scored import Codes, Flags

Line = tuple[int, tuple[str, ...]]
"""Groups that add up to one of another table: the place of the name that differs, and the names that they share."""


def withheld(partitions: Mapping[str, Partition], name: str, under: int) -> Flags:
    """Return which groups of the partition `name` may not be shown with numbers, beside the tables of all others.

    An intersection leaves out the rows of which a group is unknown: where they are few, what its groups lack to the
    declared group would tell how many they are, and of which group. Then a group of that line is withheld as well.
    """
    item = partitions[name]
    return suppressed(item.levels, item.n, item.positives, under, _rests(partitions, name, under))


def suppressed(
    levels: Sequence[str], n: Codes, positives: Codes, under: int, rests: frozenset[Line] = frozenset()
) -> Flags:
    """Return which groups of a partition may not be shown with numbers, shape (groups,).

    A group with fewer than `under` rows, positives or negatives is withheld. So is the next smallest of every line that
    would else give it away by subtraction: the whole of a declared partition, each row and column of an intersection.

    References
    ----------
    Willenborg and de Waal 2001, Elements of Statistical Disclosure Control, section 1.4 (secondary suppression).
    """
    hidden: Flags = np.minimum.reduce([n, positives, n - positives]) < under
    lines = [(line, key in rests) for key, line in _lines(levels).items() if len(line) + (key in rests) > 1]
    for _ in range(len(levels)):
        lone = [(line, rest) for line, rest in lines if hidden[line].sum() + rest == 1]
        if not lone:
            break
        for line, rest in lone:
            if hidden[line].sum() + rest == 1:
                shown = line[~hidden[line]]
                hidden[shown[np.argmin(n[shown])]] = True
    return hidden


def _rests(partitions: Mapping[str, Partition], name: str, under: int) -> frozenset[Line]:
    """Return the lines of an intersection that lack a few rows, or a few of an outcome, to the group they make up."""
    item, parts = partitions[name], name.split(CROSSING)
    if len(parts) == 1:
        return frozenset()
    found = set()
    for (axis, shared), line in _lines(item.levels).items():
        whole = partitions.get(CROSSING.join(part for at, part in enumerate(parts) if at != axis))
        if whole is None or CROSSING.join(shared) not in whole.levels:
            continue
        place = whole.levels.index(CROSSING.join(shared))
        rest, positive = whole.n[place] - item.n[line].sum(), whole.positives[place] - item.positives[line].sum()
        if rest > 0 and min(rest, positive, rest - positive) < under:
            found.add((axis, shared))
    return frozenset(found)


def _lines(levels: Sequence[str]) -> dict[Line, Codes]:
    """Return the places of groups whose numbers add up to one that stands in another table."""
    parts = [level.split(CROSSING) for level in levels]
    lines: dict[Line, list[int]] = {}
    for place, names in enumerate(parts):
        for axis in range(len(names)):
            others = tuple(name for at, name in enumerate(names) if at != axis)
            lines.setdefault((axis, others), []).append(place)
    return {key: np.array(line) for key, line in lines.items()}
