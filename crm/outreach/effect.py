"""The effect of outreach: how much rarer the outcome is with it than in the hold-out arm, with a bound."""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import NormalDist


@dataclass(frozen=True, slots=True)
class Counts:
    """An arm: patients whose outcome is known, and those of them to whom it happened."""

    patients: int
    events: int

    @property
    def rate(self) -> float:
        """The share to whom it happened."""
        return self.events / self.patients


@dataclass(frozen=True, slots=True)
class Effect:
    """Rate with outreach minus rate without; below zero where outreach helps."""

    difference: float
    low: float
    high: float


def effect(contact: Counts, held_out: Counts, confidence: float, *, least: int) -> Effect | None:
    """Return the difference of the arms' rates with Newcombe's bounds; None where an arm has fewer than `least`.

    References
    ----------
    Newcombe 1998, Interval estimation for the difference between independent proportions, method 10.
    """
    if min(contact.patients, held_out.patients) < least:
        return None
    (low_1, high_1), (low_2, high_2) = (_wilson(arm, confidence) for arm in (contact, held_out))
    difference = contact.rate - held_out.rate
    below = math.hypot(contact.rate - low_1, high_2 - held_out.rate)
    above = math.hypot(high_1 - contact.rate, held_out.rate - low_2)
    return Effect(difference, max(-1.0, difference - below), min(1.0, difference + above))


def _wilson(arm: Counts, confidence: float) -> tuple[float, float]:
    z = NormalDist().inv_cdf((1 + confidence) / 2)
    n, rate = arm.patients, arm.rate
    middle = rate + z * z / (2 * n)
    reach = z * math.sqrt(rate * (1 - rate) / n + z * z / (4 * n * n))
    scale = 1 + z * z / n
    return max(0.0, (middle - reach) / scale), min(1.0, (middle + reach) / scale)
