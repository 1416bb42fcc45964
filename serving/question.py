"""What is asked of the scorer, what it answers, and why it refuses."""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from time import time_ns
from typing import Any

import msgspec

from caregate.errors import BadInput, Refused
from serving.assessment import Reason


class PurposeRefused(Refused):
    """The declared purpose is none that the model's policy allows."""

    title = "Purpose refused"

    def __init__(self, allowed: Sequence[str]) -> None:
        super().__init__(f"scores of this model are not given for the declared purpose, only for: {', '.join(allowed)}")


class TooManyInstances(BadInput):
    """A request holds more instances than one may."""

    status = 413
    title = "Too large"

    def __init__(self, most: int) -> None:
        super().__init__(f"a request may hold {most} instances: send fewer, or use `caregate score` for files")


@dataclass(frozen=True, slots=True)
class Question:
    """A request for scores.

    Attributes
    ----------
    client
        Whose key it came with.
    purpose
        What the scores are for, as declared.
    instances
        JSON objects, one a record.
    reasons
        How many reasons it asks for; None for as many as the policy shows.
    """

    client: str
    purpose: str
    instances: Sequence[Mapping[str, Any]]
    reasons: int | None = None


class Answer(msgspec.Struct, frozen=True):
    """What the client gets for one instance."""

    prediction_id: str
    status: str
    score: float | None
    range: tuple[float, float] | None
    band: str | None
    meaning: str | None
    reasons: tuple[Reason, ...]
    model_version: int | None
    why: str | None


def random_id() -> str:
    """Draw an id of 128 bits that cannot be guessed and sorts by its moment, so that an index grows at one end."""
    return f"{time_ns() // 1_000_000:012x}{secrets.token_hex(10)}"
