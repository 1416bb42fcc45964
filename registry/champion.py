"""The version that is served: the ledger says which and whether, the digest that it is the one they signed.

Nothing here imports MLflow or reads its database: neither tags nor aliases change what is served.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from caregate.clock import Clock, system_clock
from caregate.errors import NotFound, Refused
from caregate.settings import Settings
from governance.database import ledger_database
from governance.ledger import Ledger
from registry import policy
from registry.approvals import VersionKey, read_verdicts
from registry.digest import VersionManifest, verified_manifest
from registry.policy import Signature, State, VersionFacts
from registry.promotions import Promotion, before, in_use


class NoChampion(NotFound):
    """No version of the model is in use."""

    def __init__(self, model: str) -> None:
        super().__init__(f"{model} has no champion: a reviewer has to approve a version in MLflow")


class NotApproved(Refused):
    """A version without a standing approval of its files."""

    def __init__(self, subject: str, why: str) -> None:
        super().__init__(f"{subject} is not served: {why}")


@dataclass(frozen=True, slots=True)
class Standing:
    """An approval that holds.

    Attributes
    ----------
    signed_by
        Who signed, in order.
    approved_at, expires_at
        When the last one signed, and until when the first signature holds.
    """

    signed_by: tuple[str, ...]
    approved_at: datetime
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class Champion:
    """The version in use.

    Attributes
    ----------
    model, version, digest
        Which one, and ``sha256:…`` of its content.
    folder
        The approved copy: model files, ``evidence/``, ``manifest.json``.
    manifest, standing, promotion
        What it is made of, who answers for it, and since when it is in use.
    gates
        Each gate's verdict.
    """

    model: str
    version: int
    digest: str
    folder: Path
    manifest: VersionManifest
    standing: Standing
    promotion: Promotion
    gates: dict[str, str]


def champion_of(settings: Settings, model: str, *, clock: Clock = system_clock) -> Champion:
    """Return the version of `model` in use, its files hashed and its approval checked.

    Raises
    ------
    NoChampion
        If no version was ever put in use.
    NotApproved
        If the version has no standing approval, whatever its tags say.
    DigestMismatch
        If the approved copy is missing or was changed.
    """
    return _verified(settings, model, in_use(Ledger(ledger_database(settings)), model), clock)


def previous_of(settings: Settings, model: str, *, clock: Clock = system_clock) -> Champion:
    """Return the version of `model` that was in use before the one that is; errors as of `champion_of`."""
    return _verified(settings, model, before(Ledger(ledger_database(settings)), model), clock)


def _verified(settings: Settings, model: str, promotion: Promotion | None, clock: Clock) -> Champion:
    if promotion is None:
        raise NoChampion(model)
    folder = approved_folder(settings, promotion.digest)
    manifest = verified_manifest(folder, promotion.digest)
    standing = standing_of(settings, promotion.key, manifest, now=clock())
    version, gates = promotion.key.version, _gates(folder)
    return Champion(model, version, promotion.digest, folder, manifest, standing, promotion, gates)


def standing_of(settings: Settings, key: VersionKey, manifest: VersionManifest, *, now: datetime) -> Standing:
    """Return the approval of a version whose files are those of `manifest`.

    Raises
    ------
    NotApproved
        If none stands.
    """
    return standing_among(read_verdicts(ledger_database(settings), key), key, manifest, now=now)


def standing_among(
    verdicts: Sequence[Signature], key: VersionKey, manifest: VersionManifest, *, now: datetime
) -> Standing:
    """Return what `standing_of` does, when these are the verdicts on the version.

    Raises
    ------
    NotApproved
        If no approval stands.
    """
    facts = signed_facts(verdicts, manifest)
    state = policy.state_of(facts, now)
    if manifest.model != key.model:
        raise NotApproved(key.subject, "its files are those of another model")
    if state is not State.APPROVED:
        raise NotApproved(key.subject, f"it is {state}, and only approved versions are")
    return _standing(policy.approvals_that_count(facts, now))


def signed_facts(verdicts: Sequence[Signature], manifest: VersionManifest) -> VersionFacts:
    """Return what an approval is judged by; the author's own verdicts are none."""
    return VersionFacts(
        author=manifest.author,
        gate_status="",
        digest=manifest.digest,
        found=manifest.digest,
        signatures=manifest.signatures,
        verdicts=[item for item in verdicts if item.by.casefold() != manifest.author.strip().casefold()],
        valid_until=manifest.last_day,
    )


def approved_folder(settings: Settings, digest: str) -> Path:
    """Return where the approved copy of `digest` lies."""
    return settings.approved_dir / digest.replace(":", "-")


def _standing(counted: list[Signature]) -> Standing:
    expires = min(item.expires_at for item in counted if item.expires_at)
    return Standing(tuple(item.by for item in counted), counted[-1].at, expires)


def _gates(folder: Path) -> dict[str, str]:
    said = json.loads((folder / "evidence" / "gates.json").read_text(encoding="utf-8"))
    return {gate["gate"]: gate["verdict"] for gate in said["gates"]}
