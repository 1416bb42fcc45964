"""The words of the notices: no reason that somebody typed, for it may name a person; it stands on the page."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta

from registry.notices.facts import Incident, InUse, Refusal, Unpromoted, VersionSketch, Waiting

Said = tuple[str, tuple[str, ...]]
"""A title, and the lines below it."""
HOW = "To decide: read the report, then set the tag `approval` on its page to `approved` or to `rejected: <reason>`."
ABSTAINS = "Scoring abstains, and the CRM falls back to its usual care."


def waiting(item: Waiting) -> Said:
    """Say that a version waits for its first or for a further signature."""
    return f"{_named(item.version)} waits for {_which(item)}", _to_sign(item)


def still_waiting(item: Waiting, days: int) -> Said:
    """Say that a version still waits after so many days."""
    return f"{_named(item.version)} has waited {_days(days)} for {_which(item)}", _to_sign(item)


def ending(item: InUse, left: timedelta) -> Said:
    """Say that the approval of the version in use ends soon."""
    title = f"The approval of {_named(item.version)} ends {_in_days(left)}"
    return title, (
        f"It is in use, and its approval ends on {_moment(item.ends)}. From then on scoring abstains.",
        f"In time for that, have {item.version.key.model} run again and the new version signed.",
    )


def ended(item: InUse) -> Said:
    """Say that the approval of the version in use has ended."""
    return f"The approval of {_named(item.version)} has ended", (
        f"It was in use, and its approval ended on {_moment(item.ends)}. {ABSTAINS}",
        f"Sign it once more, or have {item.version.key.model} run again and sign the new version.",
    )


def unpromoted(item: Unpromoted) -> Said:
    """Say that an approved version did not come into use."""
    return f"{_named(item.version)} is approved, but not in use", (
        f"Its last signature was given on {_moment(item.since)}, and every try to put it in use failed or was refused.",
        f"`caregate promote {item.version.key.model} {item.version.key.version}` says why, as logs/promoter.log does.",
    )


def refusal(item: Refusal) -> Said:
    """Say that a version was rejected, or that its approval was revoked."""
    if not item.revoked:
        return f"{_named(item.version)} was rejected", (
            "It will not come into use. The reason is on its page; another attempt needs a new version.",
        )
    what = f"It was in use. {ABSTAINS}" if item.in_use else "It was not in use."
    return f"The approval of {_named(item.version)} was revoked", (f"{what} The reason is on its page.",)


def incident(item: Incident) -> Said:
    """Say that an incident was opened."""
    return f"Incident {item.name} was opened ({item.kind})", (
        f"Opened on {_moment(item.at)}: {item.kind.reason}.",
        f"`caregate incident show {item.name}` has what is known.",
    )


def _to_sign(item: Waiting) -> tuple[str, ...]:
    clinical = ", one of them a clinical reviewer's" if item.needed > 1 else ""
    count = f"{item.needed} signatures{clinical}" if item.needed > 1 else "one signature"
    so_far = f" {item.given} of {item.needed} is given." if item.given else ""
    return (f"Gates: {_tally(item.version.gates)}.", f"It takes {count}, and none by its author.{so_far}", HOW)


def _which(item: Waiting) -> str:
    if item.clinical and item.needed - item.given == 1:
        return "a clinical reviewer's signature"
    return "a second signature" if item.given else "a signature"


def _tally(gates: Mapping[str, str]) -> str:
    counts = {word: list(gates.values()).count(word) for word in ("failed", "cannot-tell", "passed")}
    return ", ".join(f"{count} {word}" for word, count in counts.items() if count)


def _named(version: VersionSketch) -> str:
    return f"{version.key.model} version {version.key.version}"


def _in_days(left: timedelta) -> str:
    begun = -(-left // timedelta(days=1))
    return f"in {_days(begun)}" if begun > 1 else "within a day"


def _days(days: int) -> str:
    return "a day" if days == 1 else f"{days} days"


def _moment(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M} UTC"
