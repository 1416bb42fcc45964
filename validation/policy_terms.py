"""The terms that a policy is written in: numbers with their reasons, purposes and bands."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

Words = Annotated[str, Field(min_length=15)]
Share = Annotated[float, Field(ge=0, le=1)]
Roles = Literal["engineer", "reviewer", "clinical-reviewer", "admin"]


class Part(BaseModel):
    """A part of a policy: no unknown key, no change."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Reasoned(Part):
    """A part that says why it is so, and who may change it."""

    reason: Words
    changed_by: Roles


class Number(Reasoned):
    """One number of the policy, such as a floor or a ceiling."""

    value: float


class Count(Reasoned):
    """One whole number of the policy, such as a seed or a number of replicates."""

    value: int = Field(ge=0)


class Range(Reasoned):
    """What an estimate has to lie within, both ends included."""

    low: float
    high: float

    @model_validator(mode="after")
    def _ordered(self) -> Range:
        if self.low >= self.high:
            raise ValueError("low has to be below high")
        return self


class Purpose(Part):
    """A use of the score, allowed or refused, in words."""

    name: str = Field(pattern=r"^[a-z][a-z-]*$")
    words: Words


class Purposes(Reasoned):
    """What the score may and may not be used for."""

    allowed: tuple[Purpose, ...] = Field(min_length=1)
    refused: tuple[Purpose, ...]

    @model_validator(mode="after")
    def _apart(self) -> Purposes:
        if {item.name for item in self.allowed} & {item.name for item in self.refused}:
            raise ValueError("a purpose is both allowed and refused")
        return self


class Band(Part):
    """A named part of the score's range, from `low` to the next band's `low`."""

    name: str
    low: Share
    meaning: Words


class Bands(Reasoned):
    """The score in words, lowest first."""

    levels: tuple[Band, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _rising(self) -> Bands:
        lows = [band.low for band in self.levels]
        if lows[0] != 0 or sorted(set(lows)) != lows:
            raise ValueError("levels have to start at 0 and rise")
        return self
