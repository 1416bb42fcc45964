"""Policies: YAML files of the release, read as data and held against their model."""

from __future__ import annotations

from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ValidationError

from caregate.errors import CaregateError

Policy = TypeVar("Policy", bound=BaseModel)
REASONED = frozenset({"value", "reason"})
"""What a value stands with where its reason is beside it."""


class PolicyUnreadable(CaregateError):
    """A policy is missing or holds something that cannot be used."""

    def __init__(self, path: Path) -> None:
        place = f"{path.parent.name}/{path.name}"
        super().__init__(f"the policy {place} is missing or cannot be used: restore it from the release")


def read_policy(path: Path, kind: type[Policy]) -> Policy:
    """Read the policy at `path`; where values stand with their reasons, the values.

    Raises
    ------
    PolicyUnreadable
        If the file is missing, is not YAML, lacks a part or has a value out of its range.
    """
    try:
        said = yaml.load(path.read_text(encoding="utf-8"), Loader=yaml.CSafeLoader)
        return kind.model_validate(_values(said))
    except (OSError, yaml.YAMLError, ValidationError, ValueError):
        raise PolicyUnreadable(path) from None


def _values(said: Any) -> Any:
    if not isinstance(said, dict):
        return said
    return said["value"] if said.keys() == REASONED else {name: _values(item) for name, item in said.items()}
