"""Trivial models on the same rows: what a model has to beat to be worth having."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from models.artifact import FittedModel, Floats
from models.spec import Kind, ModelSpec

LOGISTIC_ROWS = 200_000
"""A logistic regression learns nothing more from further rows, but its fit takes longer."""


def baseline_scores(
    spec: ModelSpec, model: FittedModel, train: pa.Table, test: pa.Table, *, seed: int
) -> dict[str, Floats]:
    """Return the scores of trivial models on `test`, shape (n,) each.

    Returns
    -------
    dict
        ``prevalence``: the training rate for everyone; ``single-feature``: a logistic regression on `spec.baseline`
        alone; ``logistic``: one on all features, the logarithm of numbers standardised with a flag for missing,
        categories one-hot.
    """
    train = _sample(train, seed)
    label = np.asarray(train.column("label"), dtype=np.int8)
    at = spec.feature_names.index(spec.baseline)
    seen, asked = model.encode(train), model.encode(test)
    return {
        "prevalence": np.full(test.num_rows, label.mean()),
        "single-feature": _logistic(seen[:, [at]], label, asked[:, [at]], categories=[]),
        "logistic": _logistic(seen, label, asked, categories=_categories(spec)),
    }


def _sample(rows: pa.Table, seed: int) -> pa.Table:
    if rows.num_rows <= LOGISTIC_ROWS:
        return rows
    return rows.take(np.sort(np.random.default_rng(seed).choice(rows.num_rows, LOGISTIC_ROWS, replace=False)))


def _categories(spec: ModelSpec) -> list[int]:
    return [place for place, feature in enumerate(spec.features) if feature.kind == Kind.CATEGORY]


def _logistic(seen: np.ndarray, label: np.ndarray, asked: np.ndarray, *, categories: list[int]) -> Floats:
    from sklearn.compose import make_column_transformer
    from sklearn.impute import SimpleImputer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, StandardScaler

    numbers = [place for place in range(seen.shape[1]) if place not in categories]
    filled = SimpleImputer(add_indicator=True, keep_empty_features=True)
    scaled = make_pipeline(FunctionTransformer(_log), filled, StandardScaler())
    encode = make_column_transformer(
        (scaled, numbers), (OneHotEncoder(handle_unknown="ignore", min_frequency=50), categories)
    )
    fitted = make_pipeline(encode, LogisticRegression(max_iter=200)).fit(seen, label)
    return np.asarray(fitted.predict_proba(asked)[:, 1], dtype=np.float64)


def _log(values: np.ndarray) -> np.ndarray:
    return np.asarray(np.sign(values) * np.log1p(np.abs(values)))
