"""The assessment of many rows, column by column: what `serving.assessment` says of each, without an object a row."""

from __future__ import annotations

import hashlib
import json

import numpy as np
import numpy.typing as npt
import polars as pl

from serving.assessment import CONTRIBUTION_DECIMALS, SCORE_DECIMALS, Inputs, incomplete, unsupported
from serving.policy import ServingPolicy
from serving.served import Served

ANSWERS = pl.Schema(
    {
        "status": pl.String(),
        "score": pl.Float64(),
        "band": pl.String(),
        "reasons": pl.String(),
        "why": pl.String(),
        "inputs_digest": pl.Binary(),
    }
)
"""`reasons` is a JSON array of feature, text and contribution; the digest is SHA-256 of the booster's inputs. Both are
null where a row was held back before the model saw it."""
NO_REASONS = "[]"


def answers(served: Served, inputs: Inputs, held: pl.Series, policy: ServingPolicy, *, shown: int) -> pl.DataFrame:
    """Return the answer to each row of encoded `inputs` in the schema `ANSWERS`.

    Parameters
    ----------
    served
        The version that answers.
    inputs
        Shape (n, features); a row that is held back may hold anything.
    held
        Why a row is not scored, whatever the model says; null where it may be.
    policy
        What counts as training support.
    shown
        How many reasons each answer shows.
    """
    scores = np.round(served.fitted.predict_encoded(inputs), SCORE_DECIMALS)
    frame = pl.DataFrame(
        {
            "score": scores,
            "band": _bands(served, scores),
            "reasons": _reasons(served, inputs, shown),
            "why": held.zip_with(held.is_not_null(), _whys(served, inputs, policy)),
            "inputs_digest": digests(inputs),
            "held": held,
        }
    )
    told = pl.col("why").is_null()
    return frame.select(
        status=pl.when(told).then(pl.lit("scored")).otherwise(pl.lit("abstained")),
        score=pl.when(told).then("score"),
        band=pl.when(told).then("band"),
        reasons=pl.when(told).then("reasons").when(pl.col("held").is_null()).then(pl.lit(NO_REASONS)),
        why="why",
        inputs_digest=pl.when(pl.col("held").is_null()).then("inputs_digest"),
    )


def digests(inputs: Inputs) -> pl.Series:
    """Return SHA-256 of each row of `inputs`."""
    whole, size, sha256 = inputs.tobytes(), inputs.shape[1] * inputs.itemsize, hashlib.sha256
    found = [sha256(whole[start : start + size]).digest() for start in range(0, len(whole), size)]
    return pl.Series(found, dtype=pl.Binary)


def _bands(served: Served, scores: npt.NDArray[np.float64]) -> pl.Series:
    levels = served.policy.bands.levels
    places = np.searchsorted([level.low for level in levels], scores, side="right") - 1
    return pl.Series([level.name for level in levels]).gather(places)


def _whys(served: Served, inputs: Inputs, policy: ServingPolicy) -> pl.Series:
    lows, highs = served.reach(policy.support)
    columns = served.fitted.columns
    beyond = ((inputs < lows) | (inputs > highs)).any(axis=1)
    lacking = np.isnan(inputs[:, served.required_places]).any(axis=1)
    found = np.full(len(inputs), None, dtype=object)
    found[beyond] = unsupported(inputs[beyond], columns, served.reach(policy.support))
    found[lacking] = incomplete(inputs[lacking], columns, served.required_places)
    return pl.Series(found.tolist(), dtype=pl.String)


def _reasons(served: Served, inputs: Inputs, shown: int) -> pl.Series:
    """Return the `shown` largest contributions of each row as JSON, largest first, without those that are nothing."""
    if not shown:
        return pl.repeat(NO_REASONS, len(inputs), eager=True)
    contributions = served.fitted.contributions(inputs) * served.fitted.calibration.slope
    order = np.argsort(-np.abs(contributions), axis=1, kind="stable")[:, :shown]
    largest = np.take_along_axis(contributions, order, axis=1)
    openings = pl.Series([_opening(column.name, column.text) for column in served.fitted.columns])
    parts = []
    for place in range(order.shape[1]):
        values = pl.Series(np.round(largest[:, place], CONTRIBUTION_DECIMALS)).cast(pl.String)
        parts.append(pl.select(pl.concat_str(openings.gather(order[:, place]), values, pl.lit("}"))).to_series())
    texts = [part.set(pl.Series(largest[:, place] == 0), None) for place, part in enumerate(parts)]
    joined = pl.concat_str(*texts, separator=",", ignore_nulls=True)
    return pl.select(pl.concat_str(pl.lit("["), joined, pl.lit("]"))).to_series()


def _opening(feature: str, text: str) -> str:
    written = json.dumps({"feature": feature, "text": text}, separators=(",", ":"), ensure_ascii=False)
    return written[:-1] + ',"contribution":'
