"""The terms that a policy is written in: numbers with their reasons, purposes and bands."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

PRINTABLE = r"^[^\p{C}\p{Zl}\p{Zp}]+$"
"""No line's end and no sign that cannot be seen: a text stays the one line that it is shown as."""
Words = Annotated[str, StringConstraints(strip_whitespace=True, min_length=15, pattern=PRINTABLE)]
Line = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, pattern=PRINTABLE)]
Share = Annotated[float, Field(ge=0, le=1)]
Inside = Annotated[float, Field(gt=0, lt=1)]
"""A share that is neither none nor all."""
OTHER = "other"
"""What a review may say that the policy does not name."""
Roles = Literal["engineer", "reviewer", "clinical-reviewer", "admin"]


class Part(BaseModel):
    """A part of a policy: no unknown key, no change, no number that is none or has no end."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class Reasoned(Part):
    """A part that says why it is so, and who may change it."""

    reason: Words
    changed_by: Roles


class Number(Reasoned):
    """One number of the policy, such as a floor or a ceiling."""

    value: float


class Fraction(Number):
    """The most or the least that a share or a difference of shares may be; one of 1 would ask for nothing."""

    value: float = Field(ge=0, lt=1)


class Area(Number):
    """An area under the curve: chance gives one half, and none is larger than 1."""

    value: float = Field(ge=0.5, lt=1)


class Skill(Number):
    """Part of the error that is saved; below 0 where more is made."""

    value: float = Field(gt=-1, lt=1)


class Ratio(Number):
    """A smaller rate over a larger one; one of 0 would ask for nothing."""

    value: float = Field(gt=0, le=1)


class Lift(Number):
    """How many times as much as chance gives."""

    value: float = Field(ge=1)


class Positive(Number):
    """A budget, a step or a reach: above 0."""

    value: float = Field(gt=0)


class Count(Reasoned):
    """One whole number of the policy, such as a seed."""

    value: int = Field(ge=0)


class Some(Count):
    """How many; none would be to look at nothing."""

    value: int = Field(ge=1)


class Several(Count):
    """How many; one alone is compared with nothing."""

    value: int = Field(ge=2)


class Range(Reasoned):
    """What an estimate has to lie within, both ends included."""

    low: float
    high: float

    @model_validator(mode="after")
    def _ordered(self) -> Range:
        if self.low >= self.high:
            raise ValueError("low has to be below high")
        return self


class Chances(Range):
    """A range of chances, neither end certain."""

    low: Inside
    high: Inside


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


class Choices(Reasoned):
    """What a person can decide when they have read a score; `OTHER` can always be."""

    choices: tuple[Purpose, ...] = Field(min_length=1)

    @property
    def names(self) -> tuple[str, ...]:
        """What a review may say was decided."""
        return (*(choice.name for choice in self.choices), OTHER)


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
