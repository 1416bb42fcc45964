"""What a run hands to the registry: a model with its evidence, and what the gates said."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path

from pydantic import TypeAdapter

from models.spec import RiskClass
from validation.gates.result import Verdict, overall


@dataclass(frozen=True)
class Candidate:
    """A model that went through the gates.

    Attributes
    ----------
    model
        Registered name.
    author
        Who ran it: the one person who may not sign it.
    run_key
        Names the run; the same key never makes a second run or version.
    folder
        Holds ``model.ubj``, ``preprocessing.json``, ``calibration.json`` and ``evidence/``; the registry adds
        ``manifest.json``.
    metrics, params
        What MLflow's run page shows.
    gates
        Each gate's verdict.
    description
        The review brief, in markdown.
    risk_class
        Operational models need one signature, clinical ones two.
    snapshot, policy
        ``sha256:…`` of the data and of the gates' policy.
    recipe
        Names the run without the version in use that it was compared with.
    compared_with
        ``sha256:…`` of the version in use that the gates held it against; empty where there was none.
    valid_until
        The last day of the waivers that it stands on; None where it stands on none.
    """

    model: str
    author: str
    run_key: str
    folder: Path
    metrics: Mapping[str, float]
    params: Mapping[str, str]
    gates: Mapping[str, Verdict]
    description: str
    risk_class: RiskClass
    snapshot: str
    policy: str
    recipe: str = ""
    compared_with: str = ""
    valid_until: date | None = None

    @property
    def last_day(self) -> str:
        """The last day of the waivers that it stands on, ISO 8601; empty where it stands on none."""
        return self.valid_until.isoformat() if self.valid_until else ""

    @property
    def gate_status(self) -> Verdict:
        """The worst of the gates' verdicts."""
        return overall(list(self.gates.values()))


_FORM = TypeAdapter(Candidate)


def write_candidate(candidate: Candidate, path: Path) -> None:
    """Write everything about `candidate` but its files to `path`."""
    path.write_bytes(_FORM.dump_json(candidate, indent=1) + b"\n")


def read_candidate(path: Path, folder: Path) -> Candidate:
    """Read what `write_candidate` wrote; its files are in `folder` now."""
    return replace(_FORM.validate_json(path.read_bytes()), folder=folder)
