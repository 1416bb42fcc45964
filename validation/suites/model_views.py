"""What the rules for a model look at: its feature table, and its scores on rows that training did not see.

Categories are shown as numbers of their levels: no level is written anywhere.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import polars as pl

from models.artifact import OTHER, Column, FittedModel
from models.spec import Feature, Kind, ModelSpec
from validation.scored import Floats

DIGITS = 4
"""Scores that agree so far are one score to whoever reads them."""


def feature_view(spec: ModelSpec, rows: pl.DataFrame) -> pl.DataFrame:
    """Return the labelled feature table of `spec` with what the rules of ``features.yaml`` ask for."""
    usual = {f"{feature.name}.usual": _usual(pl.col(feature.name)) for feature in spec.features}
    return rows.select(
        *(_as_number(feature) for feature in spec.features),
        *(pl.col(f"group_{name}").rank("dense").alias(f"group_{name}") for name in spec.groups),
        *(pl.col(f"stratum_{name}").cast(pl.Int8) for name in spec.strata),
        label=pl.col("label").cast(pl.Int8),
        table_rows=pl.len(),
        **usual,
    )


def prediction_view(
    model: FittedModel, trained: pl.DataFrame, held_out: pl.DataFrame, score: Floats, bands: Mapping[str, float]
) -> pl.DataFrame:
    """Return the scores with what the rules of ``predictions.yaml`` ask for.

    Parameters
    ----------
    model
        The fitted model: it knows what training saw of each feature.
    trained, held_out
        Labelled feature tables: what it was fitted on, and the rows that were scored.
    score
        Shape (rows of `held_out`,).
    bands
        Where each band of the policy begins, by name, in rising order.
    """
    rate = float(np.mean(trained["label"].to_numpy()))
    scored = held_out.with_columns(pl.Series("__score", score, dtype=pl.Float64, strict=False).fill_nan(None))
    value = pl.col("__score")
    outside = {f"{column.name}.outside": _outside(column) for column in model.columns if column.low is not None}
    unseen = {f"{column.name}.unseen": _unseen(column) for column in model.columns if column.kind == Kind.CATEGORY}
    return scored.select(
        score=value,
        score_usual=_usual(value.round(DIGITS)),
        score_over_trained=value / rate,
        label_over_trained=pl.col("label") / rate,
        outside=pl.any_horizontal(*outside.values(), *unseen.values(), False).cast(pl.Int8),
        **{f"band.{name}": inside.cast(pl.Int8) for name, inside in _bands(value, bands).items()},
        **{name: found.cast(pl.Int8) for name, found in (outside | unseen | _absent(model)).items()},
        **{f"{name}.filled_over_trained": pl.lit(share) for name, share in _filled(model, trained, held_out).items()},
    )


def _as_number(feature: Feature) -> pl.Expr:
    value = pl.col(feature.name)
    return value.rank("dense").alias(feature.name) if feature.kind is Kind.CATEGORY else value.cast(pl.Float64)


def _usual(value: pl.Expr) -> pl.Expr:
    """Tell which filled rows hold the most frequent value; null where there is none."""
    often = pl.len().over(value)
    return pl.when(value.is_not_null()).then((often == often.filter(value.is_not_null()).max()).cast(pl.Int8))


def _outside(column: Column) -> pl.Expr:
    value = pl.col(column.name).cast(pl.Float64)
    return ((value < column.low) | (value > column.high)).fill_null(value=False)


def _unseen(column: Column) -> pl.Expr:
    known = [*column.levels, OTHER]
    return (~pl.col(column.name).is_in(known)).fill_null(value=False)


def _absent(model: FittedModel) -> dict[str, pl.Expr]:
    """Return the numbers that training never saw filled: any value of theirs lies outside."""
    empty = [column.name for column in model.columns if column.kind != Kind.CATEGORY and column.low is None]
    return {f"{name}.outside": pl.col(name).is_not_null() for name in empty}


def _bands(score: pl.Expr, bands: Mapping[str, float]) -> dict[str, pl.Expr]:
    lows = [*bands.values(), float("inf")]
    pairs = zip(bands, lows, lows[1:], strict=False)
    return {name: ((score >= low) & (score < high)) for name, low, high in pairs}


def _filled(model: FittedModel, trained: pl.DataFrame, held_out: pl.DataFrame) -> dict[str, float]:
    """Return how often each feature is filled on the held-out rows, over how often it was in training."""
    names = [column.name for column in model.columns]
    then = trained.select(pl.col(names).is_not_null().mean()).row(0)
    now = held_out.select(pl.col(names).is_not_null().mean()).row(0)
    return {name: after / before if before else 1.0 for name, before, after in zip(names, then, now, strict=True)}
