"""The assessment of feature rows: score, band, reasons, and whether the model knows the ground it stands on."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import msgspec
import numpy as np
import numpy.typing as npt
import pyarrow as pa

from models.artifact import Column
from serving.policy import ServingPolicy
from serving.served import Served

Inputs = npt.NDArray[np.float32]
Floats = npt.NDArray[np.float64]

SCORE_DECIMALS, CONTRIBUTION_DECIMALS = 6, 5
MISSING: Final = "missing required field: "


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


class Assessment(msgspec.Struct, frozen=True):
    """What the model says of one row.

    Attributes
    ----------
    score, band, reasons
        None, none and empty where it abstains.
    why
        Why it abstains; none where it scores.
    inputs_digest
        ``sha256:…`` of the booster's inputs for this row.
    meaning, range
        The band in the policy's words, and between which shares the outcome is to be expected at such a score; none
        where it abstains, and no range where the evidence of the version says none.
    """

    score: float | None
    band: str | None
    reasons: tuple[Reason, ...]
    why: str | None
    inputs_digest: str
    meaning: str | None = None
    range: tuple[float, float] | None = None

    @property
    def status(self) -> str:
        """``scored`` or ``abstained``."""
        return "abstained" if self.why else "scored"


def assess(served: Served, rows: pa.Table, policy: ServingPolicy, *, explain: bool = True) -> list[Assessment]:
    """Assess every row of the feature table `rows`, in its order; `explain` adds the reasons."""
    if not rows.num_rows:
        return []
    return assess_encoded(served, served.fitted.encode(rows), policy, shown=policy.reasons.shown if explain else 0)


def assess_encoded(served: Served, inputs: Inputs, policy: ServingPolicy, *, shown: int) -> list[Assessment]:
    """Assess encoded `inputs`, shape (n, features), with up to `shown` reasons each."""
    scores = np.round(served.fitted.predict_encoded(inputs), SCORE_DECIMALS).tolist()
    outside = unsupported(inputs, served.fitted.columns, served.reach(policy.support))
    lacking = incomplete(inputs, served.fitted.columns, served.required_places)
    reasons = explained(served, inputs, shown) if shown else [()] * len(inputs)
    return [
        _assessment(served, score, lack or why, found, digest)
        for score, lack, why, found, digest in zip(scores, lacking, outside, reasons, _digests(inputs), strict=True)
    ]


def _assessment(served: Served, score: float, why: str | None, reasons: tuple[Reason, ...], digest: str) -> Assessment:
    if why:
        return Assessment(None, None, (), why, digest)
    band = served.band(score)
    return Assessment(score, band.name, reasons, None, digest, band.meaning, served.range(score))


def _digests(inputs: Inputs) -> Iterator[str]:
    whole, size = inputs.tobytes(), inputs.shape[1] * inputs.itemsize
    for start in range(0, len(whole), size):
        yield "sha256:" + hashlib.sha256(whole[start : start + size]).hexdigest()


def unsupported(inputs: Inputs, columns: Sequence[Column], reach: tuple[Floats, Floats]) -> list[str | None]:
    """Return for each row why the model should abstain: the features that lie far outside of training's range.

    `reach` holds the least and the greatest value of each feature that is scored, as `support_of` gives them.
    """
    lows, highs = reach
    outside = (inputs < lows) | (inputs > highs)
    if not outside.any():
        return [None] * len(inputs)
    texts = [column.text for column in columns]
    return [
        "outside training support: " + ", ".join(text for text, out in zip(texts, row, strict=True) if out)
        if row.any()
        else None
        for row in outside
    ]


def incomplete(inputs: Inputs, columns: Sequence[Column], places: Sequence[int]) -> list[str | None]:
    """Return for each row which of the features at `places` it lacks; None where none."""
    absent = np.isnan(inputs[:, places])
    if not absent.any():
        return [None] * len(inputs)
    names = [columns[at].name for at in places]
    return [
        MISSING + ", ".join(name for name, gone in zip(names, row, strict=True) if gone) if row.any() else None
        for row in absent
    ]


def explained(served: Served, inputs: Inputs, shown: int) -> list[tuple[Reason, ...]]:
    """Return the `shown` largest contributions of each row by size, largest first."""
    columns = served.fitted.columns
    contributions = served.fitted.contributions(inputs) * served.fitted.calibration.slope
    return [_largest(columns, row, shown) for row in contributions.tolist()]


def _largest(columns: Sequence[Column], row: Sequence[float], shown: int) -> tuple[Reason, ...]:
    sizes = [-abs(value) for value in row]
    places = sorted(range(len(row)), key=sizes.__getitem__)[:shown]  # in their order where two are as large
    return tuple(
        [
            Reason(columns[at].name, columns[at].text, round(row[at], CONTRIBUTION_DECIMALS))
            for at in places
            if row[at] != 0
        ]
    )
