"""A fitted model as data: booster in UBJ, preprocessing and calibration in JSON, nothing that runs on loading."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from caregate.errors import CaregateError
from models.boosters import xgb
from models.trees import Trees

BOOSTER, PREPROCESSING, CALIBRATION = "model.ubj", "preprocessing.json", "calibration.json"
OTHER = "other"
"""What sources merge rare levels into, and so what a level that training never saw is taken for."""
FILES = (BOOSTER, PREPROCESSING, CALIBRATION)
MANY = 1024
"""From so many rows on xgboost's own way down the trees is the quicker one; both give the same bits."""

Floats = npt.NDArray[np.float64]


class ModelUnreadable(CaregateError):
    """A model's folder lacks a file or holds one that cannot be read."""

    def __init__(self, name: str) -> None:
        super().__init__(f"the model's file {name} is missing or unreadable")


@dataclass(frozen=True, slots=True)
class Column:
    """How one feature becomes a number, and what training saw of it.

    Attributes
    ----------
    name, text, kind
        As in `models.spec.Feature`.
    levels
        The category's levels in training, by frequency; a value's code is its place. An unseen one counts as
        ``other`` where that is a level, else as missing.
    low, high
        The 0.1 and 99.9 per cent quantiles in training: outside of them the model was hardly trained.
    usual
        What a missing value is taken for, encoded, where training hardly saw one: the median of a number, the most
        frequent value of a flag or category. None where the model learnt what it means that the value is missing.
    """

    name: str
    text: str
    kind: str
    levels: tuple[str, ...] = ()
    low: float | None = None
    high: float | None = None
    usual: float | None = None


@dataclass(frozen=True, slots=True)
class Calibration:
    """Maps a raw score to a probability: ``logit(p) = intercept + slope * logit(raw)`` (Platt 1999, Cox 1958)."""

    slope: float = 1.0
    intercept: float = 0.0

    def apply(self, raw: Floats) -> Floats:
        """Return calibrated probabilities, shape (n,)."""
        if self.slope == 1.0 and self.intercept == 0.0:
            return raw
        clipped = np.clip(raw, 1e-7, 1 - 1e-7)
        return 1 / (1 + np.exp(-(self.intercept + self.slope * np.log(clipped / (1 - clipped)))))


@dataclass(frozen=True)
class FittedModel:
    """A model ready to score.

    Attributes
    ----------
    name
        Of the registered model.
    columns
        The features, in the booster's order.
    booster, calibration
        The weights, and what turns their output into a probability.
    threads
        How many the contributions of many rows may use, 0 for all.
    """

    name: str
    columns: tuple[Column, ...]
    booster: xgb.Booster
    calibration: Calibration
    threads: int = 0

    def encode(self, rows: pa.Table) -> npt.NDArray[np.float32]:
        """Return the booster's inputs, shape (n, features), missing values as NaN."""
        return np.column_stack([_encode(column, rows.column(column.name)) for column in self.columns])

    def predict(self, rows: pa.Table) -> Floats:
        """Return calibrated probabilities for `rows` of a feature table, shape (n,)."""
        return self.predict_encoded(self.encode(rows))

    def supported(self, inputs: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        """Return encoded `inputs` as the booster gets them, in training as in scoring.

        A number beyond its column's range is at the range's edge: XGBoost tells missing values from all others by a
        cut outside of what it saw, and a number beyond that cut would count as missing. A missing value that training
        hardly saw is the usual one: the booster sends it down a side that it was never told, so that a flag that was
        not sent would be scored as set.
        """
        low, high, usual = self._bounds
        return np.minimum(np.maximum(np.where(np.isnan(inputs), usual, inputs), low), high)

    @cached_property
    def _bounds(self) -> tuple[npt.NDArray[np.float32], ...]:
        numbers = [column if column.kind == "number" else None for column in self.columns]
        low = [-np.inf if column is None or column.low is None else column.low for column in numbers]
        high = [np.inf if column is None or column.high is None else column.high for column in numbers]
        usual = [np.nan if column.usual is None else column.usual for column in self.columns]
        return tuple(np.array(values, dtype=np.float32) for values in (low, high, usual))

    @cached_property
    def trees(self) -> Trees:
        """The booster's trees as compiled code runs them, read at first use.

        Raises
        ------
        models.tree_arrays.UnsupportedBooster
            If the booster is of another kind than training makes.
        """
        return Trees.of(self.booster, threads=self.threads)

    def predict_encoded(self, inputs: npt.NDArray[np.float32]) -> Floats:
        """Return calibrated probabilities for encoded `inputs`, shape (n,)."""
        rows = self.supported(inputs)
        raw = self.booster.inplace_predict(rows) if len(rows) >= MANY else self.trees.probabilities(rows)
        return self.calibration.apply(raw.astype(np.float64))

    def contributions(self, inputs: npt.NDArray[np.float32]) -> Floats:
        """Return exact tree contributions in log-odds, shape (n, features), before calibration (Lundberg 2020)."""
        return self.trees.contributions(self.supported(inputs))

    def save(self, folder: Path) -> None:
        """Write the model's three files into `folder`."""
        folder.mkdir(parents=True, exist_ok=True)
        self.booster.save_model(folder / BOOSTER)
        columns = [asdict(column) for column in self.columns]
        _write_json(folder / PREPROCESSING, {"model": self.name, "columns": columns})
        _write_json(folder / CALIBRATION, asdict(self.calibration))


def load_model(folder: Path) -> FittedModel:
    """Read a model as data; nothing in it is run.

    Raises
    ------
    ModelUnreadable
        If one of the three files is missing or cannot be read.
    """
    preprocessing = _read_json(folder / PREPROCESSING)
    calibration = _read_json(folder / CALIBRATION)
    try:
        columns = tuple(Column(**{**item, "levels": tuple(item["levels"])}) for item in preprocessing["columns"])
        name = preprocessing["model"]
    except (KeyError, TypeError):
        raise ModelUnreadable(PREPROCESSING) from None
    try:
        fitted = Calibration(**calibration)
    except TypeError:
        raise ModelUnreadable(CALIBRATION) from None
    return FittedModel(name, columns, _read_booster(folder / BOOSTER), fitted)


def _read_booster(path: Path) -> xgb.Booster:
    try:
        booster = xgb.Booster()
        booster.load_model(path)
    except (xgb.core.XGBoostError, OSError, ValueError):
        raise ModelUnreadable(path.name) from None
    return booster


def _encode(column: Column, values: pa.ChunkedArray) -> npt.NDArray[np.float32]:
    if column.kind == "category":
        codes = pc.index_in(values.cast(pa.string()), pa.array(column.levels, pa.string()))
        return _floats(pc.if_else(pc.is_valid(values), _unseen_as_other(codes, column), codes))
    return _floats(values)


def _unseen_as_other(codes: pa.ChunkedArray, column: Column) -> pa.ChunkedArray:
    return pc.fill_null(codes, column.levels.index(OTHER)) if OTHER in column.levels else codes


def _floats(values: pa.ChunkedArray) -> npt.NDArray[np.float32]:
    floats = values.cast(pa.float32(), safe=False)
    return np.asarray(pc.fill_null(floats, float("nan")).to_numpy(), dtype=np.float32)


def _write_json(path: Path, value: Mapping[str, Any] | Sequence[Any]) -> None:
    path.write_text(json.dumps(value, indent=1, sort_keys=True, ensure_ascii=False) + "\n", encoding="utf-8")


def _read_json(path: Path) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        raise ModelUnreadable(path.name) from None
