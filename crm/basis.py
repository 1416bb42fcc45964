"""The legal basis on which data may be held."""

from __future__ import annotations

from enum import StrEnum


class Basis(StrEnum):
    """What a data set's owner declares; `validation.contracts.basis` enforces what each allows."""

    SYNTHETIC = "synthetic"
    PUBLIC = "public"
    SAFE_HARBOR = "safe-harbor"
    LIMITED_DATA_SET = "limited-data-set"
    EXPERT_DETERMINATION = "expert-determination"
