"""The terms that the outreach policy is written in: numbers with the reason for each and who may change it."""

from __future__ import annotations

from datetime import time
from typing import Annotated, Literal
from zoneinfo import ZoneInfo, available_timezones

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints

Words = Annotated[str, StringConstraints(strip_whitespace=True, min_length=15)]
Changer = Literal["engineer", "reviewer", "clinical-reviewer", "admin"]


def _known_zone(name: str) -> str:
    if name not in available_timezones():
        raise ValueError("no such time zone: take a name of the IANA database, such as America/Sao_Paulo")
    return name


def _of_five_minutes(moment: time) -> time:
    if moment.tzinfo or moment.minute % 5 or moment.second or moment.microsecond:
        raise ValueError("an hour of the day is local, and a whole five minutes")
    return moment


Zone = Annotated[str, AfterValidator(_known_zone)]
Hour = Annotated[time, AfterValidator(_of_five_minutes)]


def zone_of(name: str) -> ZoneInfo:
    """Return the time zone of this IANA name."""
    return ZoneInfo(name)


class Part(BaseModel):
    """A part of the policy: no unknown key, no change, no number without an end."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class Reasoned(Part):
    """A part that says why it is so, and who may change it."""

    reason: Words
    changed_by: Changer


class Count(Reasoned):
    """How many; never none."""

    value: int = Field(ge=1)


class Share(Reasoned):
    """A share that leaves most as they are."""

    value: float = Field(ge=0, le=0.5)


class Confidence(Reasoned):
    """How often a bound holds."""

    value: float = Field(ge=0.9, lt=1)


class Listed(Reasoned):
    """Words that mean something."""

    value: tuple[Annotated[str, StringConstraints(strip_whitespace=True, min_length=2)], ...] = Field(min_length=1)
