"""The seam to the registry: what scoring asks of it, and what it gets."""

from __future__ import annotations

from typing import Protocol

from caregate.errors import Refused
from registry.champion import Champion


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

    def previous(self, model: str) -> Champion | None:
        """Return the version that was in use before, None where there was none or it may not be served any more."""
