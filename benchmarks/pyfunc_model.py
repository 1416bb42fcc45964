"""The approved model as an MLflow pyfunc: its very files, features in and score out. For the benchmark alone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import mlflow.pyfunc
import numpy.typing as npt
import pandas as pd
import pyarrow as pa

from models.artifact import FittedModel, load_model


class ApprovedModel(mlflow.pyfunc.PythonModel):  # type: ignore[misc]
    """Encodes, scores and calibrates as the service does."""

    fitted: FittedModel

    def load_context(self, context: Any) -> None:
        """Read the model's files."""
        self.fitted = load_model(Path(context.artifacts["model"]))
        self.fitted.booster.set_param({"nthread": 1})

    def predict(self, context: Any, model_input: pd.DataFrame) -> npt.NDArray[Any]:
        """Return a score a row."""
        del context
        return self.fitted.predict(pa.Table.from_pandas(model_input))


mlflow.models.set_model(ApprovedModel())
