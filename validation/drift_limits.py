"""Limits of drift, as the monitoring policy states them."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from validation.policy import FOLDER, InvalidPolicy

POLICY = FOLDER / "monitoring.yaml"


class DriftLimits(BaseModel):
    """Limits of the population stability index, and how it is made."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    bins: int = Field(ge=2)
    least_share: float = Field(gt=0, lt=1)
    watch: float = Field(gt=0)
    act: float = Field(gt=0)
    confidence: float = Field(gt=0.5, lt=1)
    least_rows: int = Field(ge=1)


@lru_cache(maxsize=4)
def load_drift_limits(path: Path = POLICY) -> DriftLimits:
    """Read the limits of drift from the monitoring policy at `path`.

    Raises
    ------
    InvalidPolicy
        If the file is missing, is not YAML, or its part on drift cannot be used.
    """
    try:
        return DriftLimits.model_validate(yaml.safe_load(path.read_text(encoding="utf-8"))["drift"])
    except (OSError, yaml.YAMLError, ValidationError, KeyError, TypeError):
        problem = "its part `drift` is missing or cannot be used: restore it from the release"
        raise InvalidPolicy(path.name, [problem]) from None
