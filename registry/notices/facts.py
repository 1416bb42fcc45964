"""What notices follow from: where versions and approvals stand, and what happened."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from governance.incident_rules import Kind as IncidentKind
from registry.approvals import VersionKey


@dataclass(frozen=True)
class VersionSketch:
    """A version, as far as a notice names it.

    Attributes
    ----------
    key, digest
        Which one, and its content.
    gates
        Each gate's verdict.
    page, report
        In MLflow's UI, below its address.
    """

    key: VersionKey
    digest: str
    gates: Mapping[str, str]
    page: str
    report: str


@dataclass(frozen=True)
class Waiting:
    """A version that may be signed and is not signed in full.

    Attributes
    ----------
    since
        When it was registered or, of a later signature, when the one before was given.
    given, needed
        Signatures that count, and how many it takes.
    clinical
        Whether a clinical reviewer has to be among those to come.
    """

    version: VersionSketch
    since: datetime
    given: int
    needed: int
    clinical: bool


@dataclass(frozen=True)
class InUse:
    """The approval of a version in use, and when it ends or ended."""

    version: VersionSketch
    ends: datetime


@dataclass(frozen=True)
class Refusal:
    """A version that was rejected or, `revoked`, had its approval taken back."""

    version: VersionSketch
    at: datetime
    revoked: bool
    in_use: bool


@dataclass(frozen=True)
class Unpromoted:
    """A version that stands approved since a moment and did not come into use."""

    version: VersionSketch
    since: datetime


@dataclass(frozen=True)
class Incident:
    """An incident that was opened: its id, what went wrong, and when it was written down."""

    name: str
    kind: IncidentKind
    at: datetime


@dataclass(frozen=True)
class Facts:
    """Everything that notices follow from."""

    waiting: tuple[Waiting, ...] = ()
    in_use: tuple[InUse, ...] = ()
    refusals: tuple[Refusal, ...] = ()
    unpromoted: tuple[Unpromoted, ...] = ()
    incidents: tuple[Incident, ...] = ()
