"""The door's numbers, read from ``crm/policy.yaml`` where each stands with its reason."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import yaml

POLICY = Path(__file__).with_name("policy.yaml")


@dataclass(frozen=True, slots=True)
class DoorPolicy:
    """What the door holds back or changes, in numbers; the reasons stand in the YAML.

    Attributes
    ----------
    top_code_age, implausible_age
        Years: from the first on all ages are one, from the second on an age is a typing error.
    small_site
        Rows below which a site is merged.
    rare_word
        Rows below which another word of the system's own choice, such as a specialty, is merged.
    first_year, last_year
        Dates outside of these years are broken.
    most_bytes, most_ratio, ratio_from_bytes
        How far a file may unpack: in all, and as a multiple of what was read once it is past `ratio_from_bytes`.
    """

    top_code_age: int
    implausible_age: int
    small_site: int
    rare_word: int
    first_year: int
    last_year: int
    most_bytes: int
    most_ratio: int
    ratio_from_bytes: int


@lru_cache(maxsize=1)
def door_policy() -> DoorPolicy:
    """Return the policy as the YAML has it."""
    said = yaml.safe_load(POLICY.read_text(encoding="utf-8"))
    return DoorPolicy(
        top_code_age=said["ages"]["top_code"]["value"],
        implausible_age=said["ages"]["implausible_from"]["value"],
        small_site=said["sites"]["small_below"]["value"],
        rare_word=said["words"]["rare_below"]["value"],
        first_year=said["dates"]["first_year"]["value"],
        last_year=said["dates"]["last_year"]["value"],
        most_bytes=said["files"]["most_bytes"]["value"],
        most_ratio=said["files"]["most_ratio"]["value"],
        ratio_from_bytes=said["files"]["ratio_from_bytes"]["value"],
    )
