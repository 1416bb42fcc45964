"""The contract of a model's feature table, made from the model itself."""

from __future__ import annotations

import pandera.polars as pa
import polars as pl

from models.spec import Kind, ModelSpec
from validation.contracts.check import check_against

_NUMBERS = (pl.Float64, pl.Float32, pl.Int64, pl.Int32, pl.Int16, pl.Int8, pl.UInt32, pl.UInt64)
_FLAGS = (*_NUMBERS, pl.Boolean)


def feature_contract(spec: ModelSpec) -> pa.DataFrameSchema:
    """Return the contract of the table that `spec.build` makes.

    Keys and moments are there, the label is 0, 1 or null, numbers are numbers and finite, flags are 0, 1 or null,
    categories are text, and there is no column that the model does not name. Their order is free: models pick them by
    name.
    """
    columns = {
        "record_id": pa.Column(pl.String, unique=True),
        "patient_id": pa.Column(pl.String),
        "moment": pa.Column(pl.Int64),
        "day": pa.Column(pl.Int32, nullable=True),
        "label": pa.Column(None, _zero_or_one("label"), nullable=True),
        **{feature.name: _feature(feature.name, feature.kind) for feature in spec.features},
        **{f"group_{name}": pa.Column(pl.String, nullable=True) for name in spec.groups},
        **{f"stratum_{name}": pa.Column(None, _kind_of(f"stratum_{name}", _FLAGS), nullable=True)
           for name in spec.strata},
    }  # fmt: skip
    return pa.DataFrameSchema(columns, strict=True, name=f"features of {spec.name}")


def check_features(spec: ModelSpec, frame: pl.DataFrame) -> None:
    """Hold a feature table against the contract of its model.

    Raises
    ------
    ContractViolation
        With the number of findings by rule, and no value.
    """
    check_against(feature_contract(spec), f"features of {spec.name}", frame)


def _feature(name: str, kind: Kind) -> pa.Column:
    if kind is Kind.CATEGORY:
        return pa.Column(pl.String, nullable=True)
    if kind is Kind.FLAG:
        return pa.Column(None, [_kind_of(name, _FLAGS), _zero_or_one(name)], nullable=True)
    return pa.Column(None, [_kind_of(name, _FLAGS), _finite(name)], nullable=True)


def _zero_or_one(name: str) -> pa.Check:
    def check(data: pa.PolarsData) -> pl.LazyFrame:
        return data.lazyframe.select(pl.col(data.key).cast(pl.Float64, strict=False).is_in([0.0, 1.0]))

    return pa.Check(check, name=f"{name}-is-0-or-1")


def _finite(name: str) -> pa.Check:
    def check(data: pa.PolarsData) -> pl.LazyFrame:
        return data.lazyframe.select(pl.col(data.key).cast(pl.Float64, strict=False).is_finite())

    return pa.Check(check, name=f"{name}-is-finite")


def _kind_of(name: str, allowed: tuple[type[pl.DataType], ...]) -> pa.Check:
    def check(data: pa.PolarsData) -> bool:
        return data.lazyframe.collect_schema()[data.key] in allowed

    return pa.Check(check, name=f"{name}-is-number")
