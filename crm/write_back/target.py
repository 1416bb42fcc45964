"""What scores are written into: the one interface of every CRM, and how a CRM can fail."""

from __future__ import annotations

from datetime import datetime
from typing import Protocol

from caregate.errors import BadInput, CaregateError, Refused


class Target(Protocol):
    """A CRM that holds a custom text field and notes for each of its entries."""

    @property
    def name(self) -> str:
        """The name that `--target` and the policy know it by."""

    def takes(self, entry: str) -> bool:
        """Return whether `entry` has the form of this CRM's own ids."""

    def prepare(self, field: str) -> None:
        """Find the custom field called `field`.

        Raises
        ------
        FieldMissing
            If the CRM has none, or none that holds text.
        """

    def read_field(self, entry: str) -> str | None:
        """Return what stands in the field of `entry`."""

    def write_field(self, entry: str, value: str | None) -> None:
        """Put `value` into the field of `entry`; None clears it. Doing it twice does no more than once."""

    def find_note(self, entry: str, marker: str) -> str | None:
        """Return the id of the note of `entry` that holds `marker`."""

    def write_note(self, entry: str, text: str) -> str:
        """Add a note to `entry` and return its id; never sent a second time by itself.

        Raises
        ------
        Unanswered
            If it went out and no answer came, so that nobody knows whether it stands.
        """

    def note_text(self, note: str) -> str | None:
        """Return the text of the note, None where it is gone."""

    def delete_note(self, note: str) -> None:
        """Delete the note; one that is gone already is no error."""


class FieldMissing(BadInput):
    """The CRM has no custom field to write into."""

    def __init__(self, field: str) -> None:
        super().__init__(f"the CRM has no custom text field {field!r}: make it in the CRM's settings, or use --as note")


class NotSetUp(BadInput):
    """No token is set for the CRM."""

    def __init__(self, setting: str) -> None:
        super().__init__(f"there is no sign-in for this CRM: set {setting}")


class Insecure(BadInput):
    """The CRM's address is not encrypted."""

    def __init__(self) -> None:
        super().__init__("the CRM's address has to begin with https://: without TLS nothing is sent, but to loopback")


class EntryRefused(CaregateError):
    """The CRM does not take what was written for one entry; the others go on."""

    def __init__(self, status: int) -> None:
        super().__init__(f"the CRM refused one entry with status {status}")
        self.status_code = status


class SignInRefused(Refused):
    """The CRM does not accept the token."""

    def __init__(self) -> None:
        super().__init__("the CRM refuses the token, or it lacks the right to write: put another one into the settings")


class Unanswered(CaregateError):
    """The request went out, and no answer came: it may have been carried out."""

    def __init__(self) -> None:
        super().__init__("the CRM does not answer: run the same command again, and it goes on where it stopped")


class QuotaSpent(Refused):
    """The CRM takes no more requests for now."""

    def __init__(self, until: datetime) -> None:
        super().__init__(
            f"the requests of this hour are spent: run the same command again after {until:%Y-%m-%d %H:%M} UTC, and it "
            "goes on where it stopped"
        )
        self.until = until
