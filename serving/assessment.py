"""The assessment of feature rows: score, band, reasons, and whether the model knows the ground it stands on."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from models.artifact import Column
from serving.policy import ServingPolicy, Support
from serving.served import Served

Inputs = npt.NDArray[np.float32]
Floats = npt.NDArray[np.float64]

SCORE_DECIMALS, CONTRIBUTION_DECIMALS = 6, 5


@dataclass(frozen=True, slots=True)
class Reason:
    """What moved a score.

    Attributes
    ----------
    feature, text
        Name of the feature, and its plain words.
    contribution
        In log-odds of the calibrated score; positive raises it.
    """

    feature: str
    text: str
    contribution: float


@dataclass(frozen=True, slots=True)
class Assessment:
    """What the model says of one row.

    Attributes
    ----------
    score, band, reasons
        None, none and empty where it abstains.
    why
        Why it abstains; none where it scores.
    inputs_digest
        ``sha256:…`` of the booster's inputs for this row.
    """

    score: float | None
    band: str | None
    reasons: tuple[Reason, ...]
    why: str | None
    inputs_digest: str

    @property
    def status(self) -> str:
        """``scored`` or ``abstained``."""
        return "abstained" if self.why else "scored"


def assess(served: Served, rows: pa.Table, policy: ServingPolicy, *, explain: bool = True) -> list[Assessment]:
    """Assess every row of the feature table `rows`, in its order; `explain` adds the reasons."""
    if not rows.num_rows:
        return []
    inputs = served.fitted.encode(rows)
    scores = np.round(served.fitted.predict_encoded(inputs), SCORE_DECIMALS)
    outside = unsupported(inputs, served.fitted.columns, policy.support)
    lacking = incomplete(inputs, served.fitted.columns, served.spec.required)
    reasons = explained(served, inputs, policy.reasons.shown) if explain else [()] * len(inputs)
    return [
        _assessment(served, float(score), lack or why, found, row)
        for score, lack, why, found, row in zip(scores, lacking, outside, reasons, inputs, strict=True)
    ]


def _assessment(served: Served, score: float, why: str | None, reasons: tuple[Reason, ...], row: Inputs) -> Assessment:
    digest = "sha256:" + hashlib.sha256(np.ascontiguousarray(row).tobytes()).hexdigest()
    if why:
        return Assessment(None, None, (), why, digest)
    return Assessment(score, served.policy.band(score), reasons, None, digest)


def unsupported(inputs: Inputs, columns: Sequence[Column], support: Support) -> list[str | None]:
    """Return for each row why the model should abstain: the features that lie far outside of training's range."""
    lows, highs = _range(columns, support)
    with np.errstate(invalid="ignore"):
        outside = (inputs < lows) | (inputs > highs)
    texts = [column.text for column in columns]
    return [
        "outside training support: " + ", ".join(text for text, out in zip(texts, row, strict=True) if out)
        if row.any()
        else None
        for row in outside
    ]


def incomplete(inputs: Inputs, columns: Sequence[Column], required: Sequence[str]) -> list[str | None]:
    """Return for each row which of the features it lacks that the model does not score without; None where none."""
    places = [at for at, column in enumerate(columns) if column.name in required]
    absent = np.isnan(inputs[:, places])
    names = [columns[at].name for at in places]
    return [
        "missing required field: " + ", ".join(name for name, gone in zip(names, row, strict=True) if gone)
        if row.any()
        else None
        for row in absent
    ]


def _range(columns: Sequence[Column], support: Support) -> tuple[Floats, Floats]:
    lows = np.array([-np.inf if column.low is None else column.low for column in columns])
    highs = np.array([np.inf if column.high is None else column.high for column in columns])
    with np.errstate(invalid="ignore"):
        reach = support.margin * np.maximum(highs - lows, support.least_range)
    return lows - reach, highs + reach


def explained(served: Served, inputs: Inputs, shown: int) -> list[tuple[Reason, ...]]:
    """Return the `shown` largest contributions of each row by size, largest first."""
    contributions = served.fitted.contributions(inputs) * served.fitted.calibration.slope
    order = np.argsort(-np.abs(contributions), axis=1, kind="stable")[:, :shown]
    columns = served.fitted.columns
    return [
        tuple(
            Reason(columns[at].name, columns[at].text, round(float(row[at]), CONTRIBUTION_DECIMALS))
            for at in places
            if row[at] != 0
        )
        for row, places in zip(contributions, order, strict=True)
    ]
