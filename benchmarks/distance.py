"""How far two sets of rows are apart, and whether one gives away the rows of the other."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import xgboost as xgb
from scipy.stats import wasserstein_distance
from sklearn.metrics import roc_auc_score
from sklearn.neighbors import NearestNeighbors

from models.artifact import FittedModel
from models.spec import Kind, ModelSpec

Floats = npt.NDArray[np.float64]


def column_distances(spec: ModelSpec, real: pa.Table, drawn: pa.Table) -> dict[str, tuple[str, float]]:
    """Return for each feature and the label the kind of distance and its size.

    Numbers and flags: Wasserstein-1 in standard deviations of the real rows. Categories: total variation, the share of
    rows that would have to change their level.
    """
    found = {}
    for feature in spec.features:
        one, other = real.column(feature.name), drawn.column(feature.name)
        if feature.kind == Kind.CATEGORY:
            found[feature.name] = ("total variation", _total_variation(one, other))
        else:
            found[feature.name] = ("Wasserstein", _wasserstein(_numbers(one), _numbers(other)))
    found["label"] = (
        "total variation",
        abs(pc.mean(real.column("label")).as_py() - pc.mean(drawn.column("label")).as_py()),
    )
    return found


def _numbers(values: pa.ChunkedArray) -> Floats:
    return np.asarray(values.drop_null().cast(pa.float64(), safe=False))


def _wasserstein(real: Floats, drawn: Floats) -> float:
    return float(wasserstein_distance(real, drawn) / max(real.std(), 1e-9))


def _total_variation(real: pa.ChunkedArray, drawn: pa.ChunkedArray) -> float:
    one, other = _shares(real), _shares(drawn)
    return sum(abs(one.get(level, 0.0) - other.get(level, 0.0)) for level in one.keys() | other.keys()) / 2


def _shares(values: pa.ChunkedArray) -> dict[str | None, float]:
    counts = pc.value_counts(values).to_pylist()
    return {item["values"]: item["counts"] / len(values) for item in counts}


def propensity(real: Floats, drawn: Floats, *, seed: int, threads: int) -> tuple[float, float]:
    """Return how well a classifier tells the two apart on rows it did not see: AUC, and pMSE (Snoke et al. 2018).

    An AUC of 0.5 means that nothing tells them apart; pMSE is then near 0, and 0.25 at worst.
    """
    rows = np.vstack([real, drawn])
    label = np.repeat([0.0, 1.0], [len(real), len(drawn)])
    held = np.random.default_rng(seed).random(len(rows)) < 0.5
    told = {"objective": "binary:logistic", "max_depth": 6, "eta": 0.1, "nthread": threads, "seed": seed}
    booster = xgb.train(told, xgb.DMatrix(rows[~held], label[~held]), 150)
    score = booster.predict(xgb.DMatrix(rows[held]))
    return float(roc_auc_score(label[held], score)), float(np.mean((score - label.mean()) ** 2))


def closeness(reference: Floats, others: Sequence[Floats], *, sample: int, seed: int) -> list[tuple[float, float]]:
    """Return, for a sample of each of `others`, the share that equals a reference row and the median distance to one.

    Distances are Euclidean, each column in standard deviations of the reference; missing values lie at its mean.
    """
    mean, spread = np.nanmean(reference, axis=0), np.maximum(np.nanstd(reference, axis=0), 1e-9)
    neighbours = NearestNeighbors(n_neighbors=1).fit(np.nan_to_num((reference - mean) / spread))
    rng = np.random.default_rng(seed)
    found = []
    for rows in others:
        drawn = rows[rng.choice(len(rows), min(sample, len(rows)), replace=False)]
        distance = neighbours.kneighbors(np.nan_to_num((drawn - mean) / spread))[0][:, 0]
        found.append((float(np.mean(distance < 1e-6)), float(np.median(distance))))
    return found


def encoded(model: FittedModel, rows: pa.Table, *, without: Sequence[str] = ()) -> Floats:
    """Return the model's inputs with the label, shape (n, features + 1), leaving out some columns."""
    kept = [place for place, column in enumerate(model.columns) if column.name not in without]
    label = np.asarray(rows.column("label"), dtype=np.float64)
    return np.column_stack([model.encode(rows)[:, kept], label])
