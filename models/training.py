"""Fitting a model on the rows of a feature table."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from models.artifact import Calibration, Column, FittedModel
from models.boosters import xgb
from models.spec import Feature, Kind, ModelSpec

SUPPORT = (0.001, 0.999)
"""Quantiles of a feature between which the model counts as trained."""
RARE = 20
"""A category's level needs this many training rows to be told apart, and so does a missing value."""


def fit(spec: ModelSpec, rows: pa.Table, *, seed: int, threads: int) -> FittedModel:
    """Fit `spec` on `rows`, all of which have a label.

    Scores stay as the booster gives them: on both real sets they are calibrated as they come (slope 1.01 to 1.03), and
    isotonic regression makes them worse. The calibration gate says so of each version anew.
    """
    seen = tuple(_column(feature, rows.column(feature.name)) for feature in spec.features)
    inputs = FittedModel(spec.name, seen, xgb.Booster(), Calibration()).encode(rows)
    columns = tuple(
        replace(column, usual=_usual(column, values)) for column, values in zip(seen, inputs.T, strict=True)
    )
    bare = FittedModel(spec.name, columns, xgb.Booster(), Calibration())
    label = np.asarray(rows.column("label"), dtype=np.float32)
    matrix = xgb.QuantileDMatrix(bare.supported(inputs), label, nthread=threads)
    booster = xgb.train(parameters(spec, seed=seed, threads=threads), matrix, spec.rounds)
    return FittedModel(spec.name, columns, _without_threads(booster), Calibration())


def parameters(spec: ModelSpec, *, seed: int, threads: int) -> dict[str, Any]:
    """Return what XGBoost is told."""
    monotone = tuple(feature.monotone for feature in spec.features)
    return {**spec.hyperparameters, "monotone_constraints": monotone, "seed": seed, "nthread": threads}


def _without_threads(booster: xgb.Booster) -> xgb.Booster:
    # The number of threads is a fact of this machine: stored, it would change the digest of the same model.
    booster.set_param({"nthread": 0})
    return booster


def _column(feature: Feature, values: pa.ChunkedArray) -> Column:
    if feature.kind == Kind.CATEGORY:
        return Column(feature.name, feature.text, feature.kind.value, levels=_levels(values))
    low, high = pc.quantile(values.cast(pa.float64()), q=list(SUPPORT)).to_pylist()
    return Column(feature.name, feature.text, feature.kind.value, low=low, high=high)


def _usual(column: Column, values: npt.NDArray[np.float32]) -> float | None:
    """Return what stands for a missing value; None where training saw enough of them to learn what they mean."""
    known = values[~np.isnan(values)]
    if len(values) - len(known) >= RARE or not len(known):
        return None
    if column.kind == Kind.NUMBER:
        return float(np.median(known))
    found, counts = np.unique(known, return_counts=True)
    return float(found[np.argmax(counts)])


def _levels(values: pa.ChunkedArray) -> tuple[str, ...]:
    counts = {item["values"]: item["counts"] for item in pc.value_counts(values.drop_null()).to_pylist()}
    kept = [(-count, level) for level, count in counts.items() if count >= RARE]
    return tuple(level for _count, level in sorted(kept))


def importance(model: FittedModel, rows: pa.Table) -> dict[str, float]:
    """Return each feature's mean absolute contribution on `rows`, in log-odds, greatest first."""
    mean = np.abs(model.contributions(model.encode(rows))).mean(axis=0)
    named = zip((column.name for column in model.columns), mean.tolist(), strict=True)
    return dict(sorted(named, key=lambda item: -item[1]))
