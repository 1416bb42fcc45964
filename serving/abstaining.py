"""Why the service abstained, as a word of a few: what metrics and reports count by."""

from __future__ import annotations

from typing import Final

NONE: Final = "none"
OTHER: Final = "other"
KINDS: Final = {
    "no champion": "no-champion",
    "no version": "no-champion",
    "suspended": "suspended",
    "the champion has no standing approval": "not-approved",
    "the approval has expired": "expired",
    "the champion's files": "changed",
    "no consent": "no-consent",
    "stale features": "stale",
    "backdated": "backdated",
    "booked after the day": "booked-after-day",
    "unknown patient": "unknown-patient",
    "missing required field": "missing-field",
    "outside training support": "outside-support",
    "not of the population": "not-for-it",
    "the registry cannot be read": "registry-away",
}
"""The beginning of each reason that an answer gives, and its word."""


def abstained_for(why: str) -> str:
    """Return the word for the reason `why`."""
    return next((word for beginning, word in KINDS.items() if why.startswith(beginning)), OTHER)
