"""The monitoring policy: limits of drift and of performance in use."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, model_validator

from caregate.policy_file import read_policy
from monitoring.access_limits import ExtractionLimits, RefusalLimits
from validation.drift_limits import DriftLimits
from validation.policy import FOLDER

POLICY = FOLDER / "monitoring.yaml"


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Drop(_Part):
    """Losses from which on to watch, and to act."""

    watch: float = Field(gt=0)
    act: float = Field(gt=0)


class Ranges(_Part):
    """Ranges, least and greatest, outside of which to watch, and to act."""

    watch: tuple[float, float]
    act: tuple[float, float]

    @model_validator(mode="after")
    def _nested(self) -> Ranges:
        if not self.act[0] <= self.watch[0] < self.watch[1] <= self.act[1]:
            raise ValueError("the range of watch has to lie within that of act")
        return self


class PerformanceLimits(_Part):
    """Limits of discrimination and calibration, and how their bounds are made."""

    auc_drop: Drop
    observed_expected: Ranges
    least_positives: int = Field(ge=1)
    confidence: float = Field(gt=0.5, lt=1)
    replicates: int = Field(ge=100)
    seed: int


class AgreementLimits(_Part):
    """From how many reviews on something is shown, and what counts as relying on the score instead of reading it."""

    least_reviews: int = Field(ge=1)
    fast_seconds: float = Field(gt=0)
    fast_share: float = Field(gt=0, le=1)
    relying_share_to_act: float = Field(gt=0, le=1)


class MonitoringPolicy(_Part):
    """The whole policy."""

    drift: DriftLimits
    performance: PerformanceLimits
    agreement: AgreementLimits
    extraction: ExtractionLimits
    refusals: RefusalLimits


@lru_cache(maxsize=4)
def load_monitoring_policy(path: Path = POLICY) -> MonitoringPolicy:
    """Read the policy at `path`.

    Raises
    ------
    caregate.policy_file.PolicyUnreadable
        If the file is missing, is not YAML, lacks a part or has a value out of its range.
    """
    return read_policy(path, MonitoringPolicy)
