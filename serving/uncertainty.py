"""How sure a score is: what the gates found of the version's calibration, carried over to one score."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from math import exp, log
from pathlib import Path
from typing import Any, Final

GATES: Final = "evidence/gates.json"
DECIMALS: Final = 4
LEAST: Final = 1e-6


@dataclass(frozen=True, slots=True)
class CalibrationBounds:
    """Bounds of the calibration line, in log-odds, as they stand in the approved evidence.

    Attributes
    ----------
    offset
        Bounds of the calibration in the large: what has to be added to all scores.
    slope
        Bounds of the calibration slope, about the share of rows with the outcome.
    prevalence
        That share.
    """

    offset: tuple[float, float]
    slope: tuple[float, float]
    prevalence: float

    def around(self, score: float) -> tuple[float, float]:
        """Return between which shares the outcome is to be expected among rows with this score.

        The score itself may lie beside them, as far as the gate lets a version tell too much or too little.
        """
        middle = _logit(self.prevalence)
        beyond = _logit(score) - middle
        sloped = self.slope[0] * beyond, self.slope[1] * beyond
        return _share(middle + self.offset[0] + min(sloped)), _share(middle + self.offset[1] + max(sloped))


def bounds_in(folder: Path) -> CalibrationBounds | None:
    """Return what the evidence in a version's `folder` says; None where it does not say."""
    path = folder / GATES
    if not path.is_file():
        return None
    metrics: Mapping[str, Any] = json.loads(path.read_text(encoding="utf-8")).get("metrics", {})
    offset, slope = _interval(metrics, "intercept"), _interval(metrics, "slope")
    prevalence = metrics.get("prevalence", {}).get("estimate")
    if offset is None or slope is None or prevalence is None or not 0 < prevalence < 1:
        return None
    return CalibrationBounds(offset, slope, prevalence)


def _interval(metrics: Mapping[str, Any], name: str) -> tuple[float, float] | None:
    low, high = (metrics.get(name, {}).get(end) for end in ("low", "high"))
    return None if low is None or high is None else (low, high)


def _logit(share: float) -> float:
    inside = min(max(share, LEAST), 1 - LEAST)
    return log(inside / (1 - inside))


def _share(logit: float) -> float:
    return round(1 / (1 + exp(-logit)), DECIMALS)
