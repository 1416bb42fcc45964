"""The policy of hooks, read from ``policy.yaml`` where each value stands with its reason."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field

from caregate.policy_file import read_policy

POLICY = Path(__file__).with_name("policy.yaml")


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
    caregate.policy_file.PolicyUnreadable
        If the file is missing, is no YAML, or lacks a part.
    """
    return read_policy(path, HookPolicy)
