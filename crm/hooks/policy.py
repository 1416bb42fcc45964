"""The policy of hooks, read from ``policy.yaml`` where each value stands with its reason."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from caregate.errors import CaregateError

POLICY = Path(__file__).with_name("policy.yaml")


class HookPolicyUnreadable(CaregateError):
    """The policy is missing or holds something that cannot be used."""

    def __init__(self) -> None:
        super().__init__("crm/hooks/policy.yaml is missing or cannot be used: restore it from the release")


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Stops(_Part):
    """What of a CRM's events ends all messages to a patient: its kind, or a custom field that is filled."""

    events: tuple[str, ...]
    field: str


class HookPolicy(_Part):
    """The whole policy."""

    body_bytes: int = Field(ge=1)
    tolerance_seconds: int = Field(ge=1)
    per_minute: int = Field(ge=1)
    guesses_per_minute: int = Field(ge=1)
    stops: Mapping[str, Stops]


@lru_cache(maxsize=4)
def hook_policy(path: Path = POLICY) -> HookPolicy:
    """Read the policy.

    Raises
    ------
    HookPolicyUnreadable
        If the file is missing, is no YAML, or lacks a part.
    """
    try:
        return HookPolicy.model_validate(_values(yaml.safe_load(path.read_text(encoding="utf-8"))))
    except (OSError, yaml.YAMLError, ValidationError):
        raise HookPolicyUnreadable from None


def _values(said: Any) -> Any:
    """Return `said` without the reasons."""
    if not isinstance(said, dict):
        return said
    return said["value"] if said.keys() == {"value", "reason"} else {name: _values(item) for name, item in said.items()}
