"""The seam to the registry: what scoring asks of it, and what it gets."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Protocol

from caregate.errors import Refused


class Champion(Protocol):
    """An approved version whose copy was checked against the digest that its reviewers signed."""

    @property
    def folder(self) -> Path:
        """The content-addressed copy of the version's artifacts."""

    @property
    def model(self) -> str:
        """Name of the registered model."""

    @property
    def version(self) -> int:
        """Number of the version."""

    @property
    def digest(self) -> str:
        """What was signed: ``sha256:…``."""

    @property
    def approved_by(self) -> str:
        """Who signed."""

    @property
    def approved_at(self) -> datetime:
        """When it was signed."""

    @property
    def expires_at(self) -> datetime:
        """From when on the approval does not hold any more."""

    @property
    def gates(self) -> Mapping[str, str]:
        """Verdict of each gate."""

    @property
    def card(self) -> Path:
        """The model card, JSON."""


class NotServed(Refused):
    """Why no version of a model may be served; `why` is what the answers say."""

    def __init__(self, why: str) -> None:
        super().__init__(why)
        self.why = why


class ChampionSource(Protocol):
    """Where champions come from."""

    def mark(self, model: str) -> str:
        """Return a text that changes whenever `champion` may answer differently; cheap enough for every second."""

    def champion(self, model: str) -> Champion:
        """Return the version that is to be served.

        Raises
        ------
        NotServed
            If there is none: nothing promoted, suspended, revoked, or a copy that is not what was signed.
        """
