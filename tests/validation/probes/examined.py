"""Subjects made of synthetic tables: a spec with its rows, as a run would hand them to the probes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import polars as pl
import pyarrow as pa
import xgboost as xgb

from models.artifact import Calibration, FittedModel
from models.features import feature_rows, labelled
from models.spec import ModelSpec
from models.splitting import split
from models.training import fit
from validation.policy import Policy, load_policy
from validation.probes.subject import Subject


def policy_with(model: str, **limits: dict[str, Any]) -> Policy:
    """The shipped policy with other values in the limits of gates, and fewer replicates."""
    content = load_policy(model).model_dump()
    content["bootstrap"]["replicates"]["value"] = 200
    for gate, values in limits.items():
        for name, value in values.items():
            content["gates"][gate][name]["value"] = value
    return Policy.model_validate(content)


def subject_of(
    spec: ModelSpec,
    tables: dict[str, pl.DataFrame],
    folder: Path,
    *,
    fitted: bool = False,
    consent_to: str | None = None,
    **limits: dict[str, Any],
) -> Subject:
    files = {name: folder / f"{name}.parquet" for name in tables}
    for name, path in files.items():
        tables[name].write_parquet(path)
    rows = labelled(
        feature_rows(spec, files, threads=1, memory_limit_gb=1, spill=folder / "spill", consent_to=consent_to)
    )
    parts = split(rows, spec.split, seed=0)
    bare = FittedModel(spec.name, (), xgb.Booster(), Calibration())
    model = fit(spec, rows.filter(pa.array(parts.train)), seed=0, threads=1) if fitted else bare
    return Subject(
        spec=spec,
        policy=policy_with(spec.name, **limits),
        model=model,
        folder=folder,
        rows=rows,
        train=parts.train,
        test=parts.test,
        files=files,
        seed=0,
        threads=1,
        consent_to=consent_to,
    )
