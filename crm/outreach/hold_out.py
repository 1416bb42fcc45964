"""The hold-out arm: patients drawn to stay without outreach, so that its effect can be told."""

from __future__ import annotations

import hmac
from enum import StrEnum

PURPOSE = "hold-out"
"""Names the key among those that a home draws from one secret: nobody can reckon who is drawn."""
FULL = 2**64


class Arm(StrEnum):
    """The two arms."""

    CONTACT = "contact"
    HELD_OUT = "held-out"


def arm_of(patient: str, model: str, share: float, key: bytes) -> Arm:
    """Draw the arm of a patient: the same one whenever it is asked for.

    A larger share holds out those of a smaller one and more.

    Parameters
    ----------
    patient
        The vault's token.
    model
        Each model draws anew.
    share
        The chance to be held out, 0 to 1.
    key
        Of the home.
    """
    drawn = int.from_bytes(hmac.digest(key, f"{model}\0{patient}".encode(), "sha256")[:8], "big")
    return Arm.HELD_OUT if drawn < share * FULL else Arm.CONTACT
