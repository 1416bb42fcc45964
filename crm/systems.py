"""Whose ids a patient's id is one of: two systems may both have a patient "1"."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

from caregate.errors import BadInput
from crm.snapshot import published
from crm.source import SOURCES

WITHOUT_SNAPSHOT = "crm"
"""Whose ids they are while no snapshot says it."""


class SystemUnclear(BadInput):
    """Several systems' patients are in this home."""

    def __init__(self, known: Collection[str]) -> None:
        super().__init__(f"say with --source whose id this is: {' or '.join(sorted(known))}")


class UnknownSystem(BadInput):
    """Nothing of this system was ever ingested, and no source has this name."""

    def __init__(self, known: Collection[str]) -> None:
        super().__init__(f"no system of this name is known here: choose one of {', '.join(sorted(known))}")


def system_of(snapshots: Path, given: str | None) -> str:
    """Return the system that somebody means: the one `given`, or the only one whose data was ingested.

    Parameters
    ----------
    snapshots
        Folder of the published snapshots.
    given
        What they said; None where they said nothing.

    Raises
    ------
    SystemUnclear
        If they said nothing, and there are several.
    UnknownSystem
        If there is none of this name: a word under a wrong one would be a word about nobody.
    """
    ingested = {snapshot.manifest.system for snapshot in published(snapshots)}
    if given is None:
        if len(ingested) > 1:
            raise SystemUnclear(ingested)
        return next(iter(ingested), WITHOUT_SNAPSHOT)
    known = {*ingested, *SOURCES, WITHOUT_SNAPSHOT}
    if given not in known:
        raise UnknownSystem(known)
    return given
