"""Whether what is said of a version is what its own evidence says: verdicts of its gates, and the end of its waivers.

A reviewer reads the version's tags first and its evidence second. Both come out of one run; where they differ, one of
them was changed on the way.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from caregate.errors import CaregateError
from registry.candidate import Candidate
from registry.changes import GATES
from validation.gates.result import Verdict, overall
from validation.waivers import Use


class EvidenceDiffers(CaregateError):
    """What is said of a candidate is not what its evidence says."""

    def __init__(self, candidate: Candidate, why: str) -> None:
        super().__init__(
            f"{candidate.model} is not registered: {why}; files of the run were changed after it was judged: remove "
            f"{candidate.folder.parent} and run the model again"
        )


def require_agreement(candidate: Candidate) -> None:
    """Refuse a candidate of which something else is said than its evidence says.

    Raises
    ------
    EvidenceDiffers
        With what differs.
    """
    until = candidate.valid_until.isoformat() if candidate.valid_until else ""
    why = disagreement(candidate.folder, candidate.gates, until)
    if why:
        raise EvidenceDiffers(candidate, why)


def disagreement(folder: Path, verdicts: Mapping[str, str], valid_until: str) -> str:
    """Return how `folder`'s evidence differs from what is said of it; empty where it does not.

    Parameters
    ----------
    folder
        A version's files.
    verdicts
        What is said of each gate.
    valid_until
        What is said of the last day of the waivers in use, ISO 8601; empty for none.
    """
    try:
        said = json.loads((folder / "evidence" / GATES).read_text(encoding="utf-8"))
        found = {gate["gate"]: _worst(gate) for gate in said["gates"]}
        until = min((item["until"] for item in said["waivers"] if item["use"] == Use.IN_USE), default="")
        status = overall(list(found.values()))
    except (OSError, ValueError, KeyError, TypeError):
        return f"evidence/{GATES} is missing or unreadable"
    differing = sorted(name for name in found.keys() | verdicts.keys() if found.get(name) != verdicts.get(name))
    if differing:
        return f"its evidence says otherwise of the gates {', '.join(differing)}"
    if said["status"] != status:
        return "its evidence says another verdict in all than its gates give"
    return "" if until == valid_until else "its evidence names other waivers"


def _worst(gate: Mapping[str, Any]) -> Verdict:
    """Return what the gate's checks give, whatever is written beside them."""
    verdict = overall([Verdict(check["verdict"]) for check in gate["checks"]])
    if gate["verdict"] != verdict:
        raise ValueError
    return verdict
