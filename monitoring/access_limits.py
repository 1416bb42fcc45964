"""Limits of how clients use the scoring API: how much is unusual, and how many refused keys are."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Least(_Part):
    """Below which nothing is unusual, however little a client asked before."""

    hour_questions: int = Field(ge=1)
    hour_patients: int = Field(ge=1)
    day_patients: int = Field(ge=1)
    silent_hour_questions: int = Field(ge=1)


class Newcomer(_Part):
    """What a client may ask that has no past to be judged by."""

    hour_questions: int = Field(ge=1)
    day_patients: int = Field(ge=1)


class ExtractionLimits(_Part):
    """How a client is judged by its own past."""

    past_days: int = Field(ge=14)
    least_days: int = Field(ge=7)
    deviations: float = Field(gt=0)
    least_spread: float = Field(gt=0)
    least: Least
    newcomer: Newcomer


class RefusalLimits(_Part):
    """How many refusals within so many minutes are an incident, by their reason, of one key or network; and of all."""

    minutes: int = Field(ge=1)
    ended: int = Field(ge=1)
    guessed: int = Field(ge=1)
    scope: int = Field(ge=1)
    unknown: int = Field(ge=1)
    all_networks: int = Field(ge=1)
