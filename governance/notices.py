"""Purposes and their notices: what a patient can agree to, and the words that they were shown."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, field_validator

from caregate.errors import BadInput
from caregate.policy_file import read_policy
from governance.chain import digest_of

NOTICES = Path(__file__).with_suffix(".yaml")


class UnknownPurpose(BadInput):
    """Nobody is asked for consent to this."""

    title = "Unknown purpose"

    def __init__(self, known: Mapping[str, Purpose]) -> None:
        super().__init__(f"no such purpose: choose one of {', '.join(known)}")


class UnknownNotice(BadInput):
    """The purpose has no notice of this version."""

    title = "Unknown notice"

    def __init__(self, purpose: str, known: list[str]) -> None:
        super().__init__(f"{purpose} has no notice of this version: choose one of {', '.join(known)}")


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Notice(_Part):
    """One version of the words for a purpose."""

    version: str = Field(pattern=r"^[a-z0-9][a-z0-9.-]{0,39}$")
    text: str = Field(min_length=20)

    @property
    def digest(self) -> str:
        """``sha256:…`` of the text."""
        return digest_of(self.text)


class Purpose(_Part):
    """What consent to it allows, and its notices, oldest first."""

    allows: str
    notices: tuple[Notice, ...] = Field(min_length=1)

    @field_validator("notices")
    @classmethod
    def _told_apart(cls, notices: tuple[Notice, ...]) -> tuple[Notice, ...]:
        if len({notice.version for notice in notices}) < len(notices):
            raise ValueError("two notices of a purpose have the same version")
        return notices


class Notices(_Part):
    """Every purpose with its notices."""

    changed_by: str
    purposes: Mapping[str, Purpose]

    def purpose(self, name: str) -> Purpose:
        """Return the purpose called `name`.

        Raises
        ------
        UnknownPurpose
            If there is none.
        """
        if name not in self.purposes:
            raise UnknownPurpose(self.purposes)
        return self.purposes[name]

    def notice(self, purpose: str, version: str | None = None) -> Notice:
        """Return a notice of `purpose`, by default the one that is shown now.

        Raises
        ------
        UnknownPurpose, UnknownNotice
            If there is none.
        """
        notices = self.purpose(purpose).notices
        if version is None:
            return notices[-1]
        for notice in notices:
            if notice.version == version:
                return notice
        raise UnknownNotice(purpose, [notice.version for notice in notices])


@lru_cache(maxsize=4)
def load_notices(path: Path = NOTICES) -> Notices:
    """Read the notices at `path`.

    Raises
    ------
    caregate.policy_file.PolicyUnreadable
        If the file is missing, is not YAML, or lacks a part.
    """
    return read_policy(path, Notices)
