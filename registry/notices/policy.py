"""The policy of the notices: after how long people are told, reminded and told again."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field

from caregate.policy_file import read_policy

POLICY = Path(__file__).parent.parent / "policies" / "notices.yaml"


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Waiting(_Part):
    """Days after which a version that still waits is brought up again."""

    remind_after_days: tuple[int, ...]


class Ending(_Part):
    """Days before the end of an approval in use at which it is announced."""

    announce_before_days: tuple[int, ...]


class Promotion(_Part):
    """Minutes after its last signature at which a version has to be in use."""

    late_after_minutes: int = Field(ge=1)


class News(_Part):
    """Days for which something that happened is told."""

    told_within_days: int = Field(ge=1)


class Pauses(_Part):
    """Seconds between one failure and the next try: the first pause, doubled each time up to the longest."""

    first: float = Field(gt=0)
    longest: float = Field(gt=0)

    def after(self, failures: int) -> float:
        """Return the pause after so many failures in a row, in seconds."""
        return min(self.first * 2.0 ** min(failures - 1, 60), self.longest)


class Sending(_Part):
    """How often is looked, how long an answer may take, and how long is waited after a failure."""

    look_every_minutes: int = Field(ge=1)
    timeout_seconds: float = Field(gt=0)
    pause_seconds: Pauses


class NoticePolicy(_Part):
    """The whole policy."""

    waiting: Waiting
    ending: Ending
    promotion: Promotion
    news: News
    sending: Sending


@lru_cache(maxsize=4)
def load_notice_policy(path: Path = POLICY) -> NoticePolicy:
    """Read the policy at `path`.

    Raises
    ------
    caregate.policy_file.PolicyUnreadable
        If the file is missing, is not YAML, or lacks a part.
    """
    return read_policy(path, NoticePolicy)
