"""Both models at their real size, fitted on synthetic rows, with the feature rows that they are asked about."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import polars as pl
import pyarrow as pa

from crm.canonical import conform
from crm.sources.synthetic import SyntheticSource
from models.artifact import FittedModel
from models.catalogue import SPECS
from models.features import feature_rows, labelled
from models.spec import ModelSpec
from models.training import fit

ROWS = 30_000


@dataclass(frozen=True)
class Fitted:
    """A model with all feature rows of its table."""

    spec: ModelSpec
    model: FittedModel
    rows: pa.Table


@contextmanager
def fitted_models(*names: str) -> Iterator[list[Fitted]]:
    """Fit the models called `names` in a folder that is gone afterwards."""
    raw = SyntheticSource(rows=ROWS).read(None)
    with TemporaryDirectory() as folder:
        files = {name: Path(folder) / f"{name}.parquet" for name in raw.tables}
        for name, path in files.items():
            conform(pl.DataFrame(raw.tables[name]), name).write_parquet(path)
        yield [_fitted(SPECS[name], files, Path(folder)) for name in names]


def _fitted(spec: ModelSpec, files: dict[str, Path], folder: Path) -> Fitted:
    rows = feature_rows(spec, files, threads=2, memory_limit_gb=1, spill=folder)
    return Fitted(spec, fit(spec, labelled(rows), seed=0, threads=2), rows)
