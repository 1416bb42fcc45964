"""The serving policy: limits of a request, training support and how closely the registry is watched."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from caregate.errors import CaregateError

POLICY = Path(__file__).parent.parent / "validation" / "policies" / "serving.yaml"


class ServingPolicyUnreadable(CaregateError):
    """The serving policy is missing or holds something that cannot be used."""

    def __init__(self, path: Path) -> None:
        super().__init__(f"the policy {path.name} is missing or cannot be used: restore it from the release")


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Limits(_Part):
    """What one request may hold (instances, bytes of body, characters of a text), and how many are answered at once."""

    instances: int = Field(ge=1)
    body_bytes: int = Field(ge=1)
    at_once: int = Field(ge=1)
    text_characters: int = Field(ge=1)


class Reasons(_Part):
    """How many reasons an answer shows."""

    shown: int = Field(ge=1)


class Support(_Part):
    """How far outside of training's range a value may lie, as a share of the range, and the least range that counts."""

    margin: float = Field(ge=0)
    least_range: float = Field(ge=0)


class Watch(_Part):
    """How often the registry is looked at, and after how long without an answer the service abstains, in seconds."""

    every_seconds: float = Field(gt=0)
    stale_after_seconds: float = Field(gt=0)


class Shutdown(_Part):
    """How long answers in flight get once the service was told to stop, in seconds."""

    grace_seconds: int = Field(ge=1)


class ServingPolicy(_Part):
    """The whole policy of the service; purposes and bands stand in each model's own."""

    limits: Limits
    reasons: Reasons
    support: Support
    watch: Watch
    shutdown: Shutdown


@lru_cache(maxsize=4)
def load_serving_policy(path: Path = POLICY) -> ServingPolicy:
    """Read the policy at `path`.

    Raises
    ------
    ServingPolicyUnreadable
        If the file is missing, is not YAML, or lacks a part.
    """
    try:
        return ServingPolicy.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")))
    except (OSError, yaml.YAMLError, ValidationError):
        raise ServingPolicyUnreadable(path) from None
