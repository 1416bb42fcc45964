"""The version that is served: the alias says which, the ledger whether, the digest that it is the one they signed.

Nothing here imports MLflow, so that scoring starts fast. An alias alone changes nothing: it is refused where the ledger
holds no approvals of these very files.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from caregate.clock import Clock, system_clock
from caregate.errors import NotFound, Refused
from caregate.settings import Settings
from governance.database import open_database, require_current
from registry import names, policy
from registry.approvals import read_verdicts
from registry.digest import VersionManifest, verified_manifest
from registry.policy import Signature, State, VersionFacts
from registry.versions import RegisteredVersion, aliases_of, read_version


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
    manifest, standing
        What it is made of, and who answers for it.
    gates
        Each gate's verdict.
    """

    model: str
    version: int
    digest: str
    folder: Path
    manifest: VersionManifest
    standing: Standing
    gates: dict[str, str]


def champion_of(settings: Settings, model: str, *, clock: Clock = system_clock) -> Champion:
    """Return the version of `model` in use, its files hashed and its approval checked.

    Raises
    ------
    NoChampion
        If the alias points nowhere.
    NotApproved
        If the version has no standing approval, whatever its tags say.
    DigestMismatch
        If the approved copy is missing or was changed.
    """
    registry = open_database(settings.registry_url)
    number = aliases_of(registry, model).get(names.CHAMPION)
    if number is None:
        raise NoChampion(model)
    version = read_version(registry, model, number)
    folder = approved_folder(settings, version.tags.get(names.DIGEST, ""))
    manifest = verified_manifest(folder)
    standing = standing_of(settings, version, manifest, now=clock())
    return Champion(model, number, manifest.digest, folder, manifest, standing, version.gates)


def standing_of(
    settings: Settings, version: RegisteredVersion, manifest: VersionManifest, *, now: datetime
) -> Standing:
    """Return the approval of a version whose files are those of `manifest`.

    Raises
    ------
    NotApproved
        If none stands.
    """
    verdicts = read_verdicts(require_current(open_database(settings.ledger_url)), version.key)
    facts = VersionFacts(
        author=manifest.author,
        gate_status=version.tags.get(names.GATE_STATUS, ""),
        digest=manifest.digest,
        found=manifest.digest,
        signatures=manifest.signatures,
        verdicts=[item for item in verdicts if item.by.casefold() != manifest.author.strip().casefold()],
        valid_until=manifest.last_day,
    )
    subject, state = version.key.subject, policy.state_of(facts, now)
    if manifest.model != version.model:
        raise NotApproved(subject, "its files are those of another model")
    if state is not State.APPROVED:
        raise NotApproved(subject, f"it is {state}, and only approved versions are")
    return _standing(policy.approvals_that_count(facts, now))


def approved_folder(settings: Settings, digest: str) -> Path:
    """Return where the approved copy of `digest` lies."""
    return settings.approved_dir / digest.replace(":", "-")


def _standing(counted: list[Signature]) -> Standing:
    expires = min(item.expires_at for item in counted if item.expires_at)
    return Standing(tuple(item.by for item in counted), counted[-1].at, expires)
