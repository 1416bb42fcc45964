"""The serving policy: limits of a request, training support and how closely the registry is watched."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field

from caregate.policy_file import read_policy
from governance.journal_writer import JournalLimits

POLICY = Path(__file__).parent.parent / "validation" / "policies" / "serving.yaml"


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Limits(_Part):
    """What one request may hold, how long its body may take to come, and how many are answered at once.

    A request of at most `few_instances` is answered without waiting for its turn.
    """

    instances: int = Field(ge=1)
    few_instances: int = Field(ge=0)
    body_bytes: int = Field(ge=1)
    body_seconds: float = Field(gt=0)
    at_once: int = Field(ge=1)
    text_characters: int = Field(ge=1)


class Rate(_Part):
    """How many instances a key may ask for: a second in the long run, and at once after a rest."""

    instances_per_second: float = Field(gt=0)
    burst_instances: float = Field(ge=1)


class Reasons(_Part):
    """How many reasons an answer shows where the client does not say, and how many it may ask for."""

    shown: int = Field(ge=0)
    most: int = Field(ge=1)


class Support(_Part):
    """How far outside of training's range a value may lie, as a share of the range, and the least range that counts."""

    margin: float = Field(ge=0)
    least_range: float = Field(ge=0)


class Watch(_Part):
    """How often the registry is looked at, and after how long without an answer the service abstains, in seconds."""

    every_seconds: float = Field(gt=0)
    stale_after_seconds: float = Field(gt=0)


class Shutdown(_Part):
    """How long the service says that it is leaving, and how long answers in flight get after that, in seconds."""

    notice_seconds: float = Field(ge=0)
    grace_seconds: int = Field(ge=1)


class Workers(_Part):
    """How often within how many seconds a worker that ended by itself is started again before all are stopped."""

    restarts: int = Field(ge=0)
    restart_window_seconds: float = Field(gt=0)


class Logs(_Part):
    """From how many seconds on a request is slow, and how many lines about requests a second may hold."""

    slow_seconds: float = Field(gt=0)
    lines_per_second: int = Field(ge=1)


class Traces(_Part):
    """The share of requests that are traced, where traces are on and the caller does not say."""

    share: float = Field(ge=0, le=1)


class Journal(_Part):
    """Size of the journal's files, how often it is drained, synced and recovered, and how many rows may wait in it."""

    segment_bytes: int = Field(ge=1)
    drain_seconds: float = Field(gt=0)
    sync_seconds: float = Field(gt=0, le=1)
    recover_seconds: float = Field(gt=0)
    most_waiting: int = Field(ge=1)

    @property
    def limits(self) -> JournalLimits:
        """As the journal takes them."""
        return JournalLimits(**self.model_dump())


class Files(_Part):
    """After how many days the work on a file that was begun and never ended is removed."""

    unfinished_days: int = Field(ge=1)


class ServingPolicy(_Part):
    """The whole policy of the service; purposes and bands stand in each model's own."""

    limits: Limits
    rate: Rate
    reasons: Reasons
    support: Support
    watch: Watch
    shutdown: Shutdown
    workers: Workers
    journal: Journal
    logs: Logs
    traces: Traces
    files: Files


@lru_cache(maxsize=4)
def load_serving_policy(path: Path = POLICY) -> ServingPolicy:
    """Read the policy at `path`.

    Raises
    ------
    caregate.policy_file.PolicyUnreadable
        If the file is missing, is not YAML, or lacks a part.
    """
    return read_policy(path, ServingPolicy)
