"""The ways on which a message reaches a patient."""

from __future__ import annotations

from enum import StrEnum

from caregate.errors import BadInput


class Medium(StrEnum):
    """A way; consent to it is the purpose ``contact:<name>``."""

    VOICE = "voice"
    SMS = "sms"
    CHAT = "chat"
    EMAIL = "email"
    WHATSAPP = "whatsapp"

    @property
    def purpose(self) -> str:
        """What a patient consents to."""
        return f"contact:{self.value}"


class UnknownMedium(BadInput):
    """Messages do not go this way."""

    def __init__(self) -> None:
        super().__init__(f"no such channel: choose one of {', '.join(Medium)}")


def medium_of(word: str) -> Medium:
    """Return the way that is called `word`.

    Raises
    ------
    UnknownMedium
        If there is none.
    """
    if word not in set(Medium):
        raise UnknownMedium
    return Medium(word)
