"""Training support: how far a value may lie from what training saw before the model abstains."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from models.artifact import Column
from serving.policy import Support

Floats = npt.NDArray[np.float64]


def support_of(columns: Sequence[Column], support: Support) -> tuple[Floats, Floats]:
    """Return the least and the greatest value of each column that is scored, each of shape (features,)."""
    lows = np.array([-np.inf if column.low is None else column.low for column in columns])
    highs = np.array([np.inf if column.high is None else column.high for column in columns])
    with np.errstate(invalid="ignore"):
        reach = support.margin * np.maximum(highs - lows, support.least_range)
    return lows - reach, highs + reach
