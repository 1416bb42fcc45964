"""A model's policy: every threshold with the reason for its value and who may change it.

Policies are YAML files in ``validation/policies``, one a model. Code holds no threshold of its own: a gate, a band or
an allocation that needs a number takes it from here.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml
from pydantic import Field, ValidationError

from caregate.errors import BadInput, NotFound
from governance.ledger import digest_of
from validation.limits import Fault, Gates, Waiver
from validation.policy_terms import (
    Bands,
    Choices,
    Count,
    Inside,
    Number,
    Part,
    Purposes,
    Reasoned,
    Several,
    Share,
    Some,
    Words,
)

FOLDER = Path(__file__).parent / "policies"


class UnknownPolicy(NotFound):
    """No policy stands for the model."""

    def __init__(self, model: str) -> None:
        known = ", ".join(sorted(path.stem for path in FOLDER.glob("*.yaml")))
        super().__init__(f"no policy for the model {model!r}: validation/policies has {known}")


class InvalidPolicy(BadInput):
    """A policy file cannot be used."""

    def __init__(self, name: str, problems: list[str]) -> None:
        super().__init__(f"validation/policies/{name}: " + "; ".join(problems))


class Replicates(Count):
    """How many draws of patients; a bound that is wrong one time in twenty cannot be read off fewer than twenty."""

    value: int = Field(ge=20)


class Confidence(Number):
    """How often bounds hold; what holds less often than nine times out of ten is no bound, but an estimate."""

    value: float = Field(ge=0.9, lt=1)


class DrawnRows(Count):
    """Rows that patients are drawn from; out of a few patients the draws hardly differ, and bounds close up."""

    value: int = Field(ge=1000)


class Bootstrap(Part):
    """How bounds are made: a bootstrap of patients."""

    replicates: Replicates
    confidence: Confidence
    seed: Count
    max_rows: DrawnRows
    """Replicates are drawn from the patients of at most so many rows; estimates use all rows."""


class Power(Reasoned):
    """What a group has to have before it is judged: the inputs of a power calculation."""

    smallest_difference: float = Field(gt=0, le=0.5)
    base_rate: Inside
    significance: float = Field(gt=0, le=0.5)
    power: float = Field(ge=0.5, lt=1)


class Groups(Part):
    """How groups are made and when they are judged or shown."""

    power: Power
    intersections: Some
    """How many groupings are crossed with each other at most; 1 crosses none."""
    suppress_under: Several
    """Groups with fewer rows or fewer positives are named without numbers."""
    noise_draws: Some
    """Random groups of the same sizes that the noise floor is made of."""


class Coverage(Reasoned):
    """The least share of the overall flag rate that each group of `grouping` gets for its own highest scores."""

    grouping: str
    floor: Share


class Capacity(Number):
    """Share of the rows that can be acted on; where all can, nobody is chosen."""

    value: Inside


class Decision(Part):
    """The allocation that is made with the score, and that fairness is judged on."""

    words: Words
    capacity: Capacity
    coverage: Coverage | None = None


class Freshness(Part):
    """How old what is known may be before the service abstains, in days."""

    stale_after_days: Some
    """After the newest snapshot was published."""
    backdated_days: Count
    """How far before the newest record of the snapshot the moment of a new one may lie."""


class Policy(Part):
    """What is asked of a model, and what its score may be used for."""

    model: str
    purposes: Purposes
    bands: Bands
    reviews: Choices
    decision: Decision
    freshness: Freshness
    bootstrap: Bootstrap
    groups: Groups
    gates: Gates
    waivers: tuple[Waiver, ...] = ()
    faults: tuple[Fault, ...] = ()
    """Planted in simulated rows by the benchmark of the gates, which says how often each is found."""

    @property
    def digest(self) -> str:
        """Return ``sha256:…`` of the policy's content."""
        return digest_of(self.model_dump(mode="json"))

    def allows(self, purpose: str) -> bool:
        """Return whether the score may be used for `purpose`; a purpose that is not named may not."""
        return any(item.name == purpose for item in self.purposes.allowed)

    def band(self, score: float) -> str:
        """Return the name of the band that `score` falls into."""
        return [band.name for band in self.bands.levels if score >= band.low][-1]


def load_policy(model: str, folder: Path = FOLDER) -> Policy:
    """Read the policy of `model`.

    Raises
    ------
    UnknownPolicy
        If no file of that name stands in `folder`.
    InvalidPolicy
        If the file is no YAML, holds an unknown key, lacks one, or has a value out of its range.
    """
    path = folder / f"{model}.yaml"
    if not path.is_file():
        raise UnknownPolicy(model)
    policy = _parse(path)
    if policy.model != model:
        raise InvalidPolicy(path.name, [f"it says that it is for {policy.model!r}"])
    return policy


def _parse(path: Path) -> Policy:
    try:
        content: Any = yaml.load(path.read_text(encoding="utf-8"), Loader=yaml.CSafeLoader)
        return Policy.model_validate(content)
    except yaml.YAMLError as error:
        raise InvalidPolicy(path.name, [f"not YAML: {getattr(error, 'problem', 'unreadable')}"]) from None
    except ValidationError as error:
        problems = [f"{'.'.join(map(str, item['loc']))}: {item['msg']}" for item in error.errors()]
        raise InvalidPolicy(path.name, problems) from None
