"""A few feature rows as the booster's inputs: the same numbers as `FittedModel.encode`, without Arrow's fixed cost."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from models.artifact import OTHER, Column

Encode = Callable[[Any], float]
NAN = float("nan")


class RowEncoder:
    """Encodes mappings from the names of features to values; a missing one is None.

    Parameters
    ----------
    columns
        The features, in the booster's order.
    """

    def __init__(self, columns: Sequence[Column]) -> None:
        self._each = [(column.name, _encoder(column)) for column in columns]

    def encode(self, rows: Sequence[Mapping[str, Any]]) -> npt.NDArray[np.float32]:
        """Return the booster's inputs, shape (n, features), missing values as NaN."""
        coded = [[NAN if row[name] is None else code(row[name]) for name, code in self._each] for row in rows]
        return np.array(coded, dtype=np.float32).reshape(len(rows), len(self._each))


def _encoder(column: Column) -> Encode:
    if column.kind != "category":
        return float
    codes = {level: float(place) for place, level in enumerate(column.levels)}
    unseen = codes.get(OTHER, NAN)
    return lambda value: codes.get(value, unseen)
