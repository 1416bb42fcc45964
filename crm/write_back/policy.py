"""The policy of writing back, read from ``policy.yaml`` where each value stands with its reason."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from caregate.errors import NotFound
from caregate.policy_file import read_policy

POLICY = Path(__file__).with_name("policy.yaml")


class NotWrittenBack(NotFound):
    """The policy says nothing of how this model's scores are written back."""

    def __init__(self) -> None:
        super().__init__("scores of this model are not written back: crm/write_back/policy.yaml names those that are")


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Text(_Part):
    """What is written: whether the number goes along, how many reasons, how long a field is, and whom to ask."""

    score: bool
    reasons: int = Field(ge=0)
    field_characters: int = Field(ge=100)
    ask: str = Field(min_length=1)


class Requests(_Part):
    """How a vendor is asked: attempts, seconds for one, the longest wait, and what of the vendor's quota is left."""

    attempts: int = Field(ge=1)
    timeout_seconds: float = Field(gt=0)
    longest_wait_seconds: float = Field(ge=0)
    spare: int = Field(ge=0)


class Window(_Part):
    """How many requests may go out in how many seconds."""

    requests: int = Field(ge=1)
    seconds: float = Field(gt=0)


class Place(_Part):
    """Where a model's scores stand: the custom field's name, and whose entry it is."""

    field: str = Field(min_length=1)
    about: Literal["patient", "record"]


class WriteBackPolicy(_Part):
    """The whole policy."""

    text: Text
    requests: Requests
    targets: Mapping[str, Window]
    models: Mapping[str, Place]

    def place(self, model: str) -> Place:
        """Return where the scores of `model` stand.

        Raises
        ------
        NotWrittenBack
            If the policy does not say.
        """
        if model not in self.models:
            raise NotWrittenBack
        return self.models[model]


@lru_cache(maxsize=4)
def write_back_policy(path: Path = POLICY) -> WriteBackPolicy:
    """Read the policy.

    Raises
    ------
    caregate.policy_file.PolicyUnreadable
        If the file is missing, is no YAML, or lacks a part.
    """
    return read_policy(path, WriteBackPolicy)
