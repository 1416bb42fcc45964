"""The CDS Hooks services of this release, read from ``cds_hooks.yaml``."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any, Final, Literal

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError

from caregate.errors import CaregateError

POLICY = Path(__file__).with_name("cds_hooks.yaml")
PREFETCH: Final[Mapping[str, Mapping[str, str]]] = {
    "appointment-book": {
        "patient": "Patient/{{context.patientId}}",
        "conditions": "Condition?patient={{context.patientId}}&_count=200",
    },
    "encounter-discharge": {
        "patient": "Patient/{{context.patientId}}",
        "encounter": "Encounter/{{context.encounterId}}",
        "encounters": "Encounter?patient={{context.patientId}}&_count=200",
    },
}
"""What a client is asked to send along, by hook."""


class CdsPolicyUnreadable(CaregateError):
    """The file of services is missing or holds something that cannot be used."""

    def __init__(self) -> None:
        super().__init__("serving/exchange/cds_hooks.yaml is missing or cannot be used: restore it from the release")


class CdsService(BaseModel):
    """One service: which model answers which hook, for what, and when its card stands out."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    id: str
    model: str
    hook: Literal["appointment-book", "encounter-discharge"]
    purpose: str
    title: str
    description: str
    warning: tuple[str, ...]
    abstained: Literal["card", "none"]

    def described(self) -> dict[str, Any]:
        """Return what discovery says of it."""
        return {
            "hook": self.hook,
            "title": self.title,
            "description": self.description,
            "id": self.id,
            "prefetch": dict(PREFETCH[self.hook]),
        }


@lru_cache(maxsize=4)
def cds_services(path: Path = POLICY) -> dict[str, CdsService]:
    """Return the services by id.

    Raises
    ------
    CdsPolicyUnreadable
        If the file is missing, is no YAML, or lacks a part.
    """
    try:
        said = yaml.safe_load(path.read_text(encoding="utf-8"))["services"]
        services = [CdsService.model_validate(item) for item in said]
    except (OSError, yaml.YAMLError, ValidationError, KeyError, TypeError):
        raise CdsPolicyUnreadable from None
    return {service.id: service for service in services}
