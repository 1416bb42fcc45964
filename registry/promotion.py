"""Promotion: an approved version is copied, by content, to where scoring reads, and becomes the champion.

Every step can be repeated: the copy is named by its digest and renamed into place, an alias is set to what it was.
"""

from __future__ import annotations

import shutil
import tempfile
from contextlib import suppress
from pathlib import Path

from caregate.clock import Clock, system_clock
from caregate.errors import CaregateError, NotFound, Refused
from caregate.settings import Settings
from governance.database import open_database, require_current
from governance.ledger import Ledger
from registry import names
from registry.approvals import VersionKey, approved_keys
from registry.artifacts import artifact_folder
from registry.champion import Champion, NoChampion, approved_folder, champion_of, standing_of
from registry.digest import DigestMismatch, VersionManifest, verified_manifest
from registry.incumbent import PROMOTED, overtaken_by
from registry.versions import RegisteredVersion, aliases_of, read_version


class Outdated(Refused):
    """A version that was not compared with the one in use."""

    def __init__(self, subject: str, champion: Champion) -> None:
        super().__init__(
            f"{subject} is not promoted: version {champion.version} came into use since it was judged; "
            f"run {champion.model} again to hold them against each other"
        )


class NoPrevious(NotFound):
    """There is nothing to roll back to."""

    def __init__(self, model: str) -> None:
        super().__init__(f"{model} has no previous version to roll back to: suspend it instead")


def promote(
    settings: Settings, model: str, version: int, *, by: str = names.PROMOTER, clock: Clock = system_clock
) -> Champion:
    """Make an approved version the champion.

    Raises
    ------
    UnknownVersion
        If there is no such version.
    NotApproved
        If it has no standing approval.
    DigestMismatch
        If its files are not those that were registered.
    Outdated
        If another version came into use since it was judged, and it was never in use itself.
    """
    found = read_version(open_database(settings.registry_url), model, version)
    source = artifact_folder(settings, found.location)
    manifest = verified_manifest(source)
    standing_of(settings, found, manifest, now=clock())
    _require_comparison(settings, found, manifest, clock)
    publish(settings, source, manifest)
    changed = _point(settings, found, clock)
    _leave_line(settings, found, manifest, by=by, again=changed, clock=clock)
    return champion_of(settings, model, clock=clock)


def rollback(settings: Settings, model: str, *, by: str, clock: Clock = system_clock) -> Champion:
    """Put the previous champion back in use, if its approval still stands.

    Raises
    ------
    NoPrevious
        If there is none.
    NotApproved
        If its approval does not stand any more.
    """
    previous = aliases_of(open_database(settings.registry_url), model).get(names.PREVIOUS)
    if previous is None:
        raise NoPrevious(model)
    champion = promote(settings, model, previous, by=by, clock=clock)
    ledger = Ledger(require_current(open_database(settings.ledger_url)), clock)
    ledger.append(by, "model.rollback", f"{model}/{previous}", digest=champion.digest)
    return champion


def pending_promotions(settings: Settings, *, clock: Clock = system_clock) -> list[VersionKey]:
    """Return, of each model, the version that was approved last and stands, unless it was promoted before.

    A rollback is therefore not undone: what was promoted once comes back by a person's act alone.
    """
    engine = require_current(open_database(settings.ledger_url))
    promoted = {act.subject for act in Ledger(engine, clock).read(action=PROMOTED)}
    decided: dict[str, VersionKey | None] = {}
    for key in reversed(approved_keys(engine)):
        if key.model in decided:
            continue
        if key.subject in promoted:
            decided[key.model] = None
        elif _stands(settings, key, clock):
            decided[key.model] = key
    return [key for key in decided.values() if key is not None]


def publish(settings: Settings, source: Path, manifest: VersionManifest) -> Path:
    """Copy a version's files to the folder named by their digest; written aside, hashed again, renamed."""
    target = approved_folder(settings, manifest.digest)
    if target.is_dir() and _holds(target, manifest):
        return target
    settings.approved_dir.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=settings.approved_dir, prefix=".copying-") as aside:
        copy = Path(aside) / "copy"
        shutil.copytree(source, copy)
        if verified_manifest(copy).digest != manifest.digest:
            raise DigestMismatch(manifest.model, "it changed while it was copied")
        if target.exists():  # a copy that someone spoilt makes room
            target.rename(Path(aside) / "spoilt")
        copy.rename(target)
    return target


def _require_comparison(
    settings: Settings, version: RegisteredVersion, manifest: VersionManifest, clock: Clock
) -> None:
    champion = overtaken_by(settings, version, manifest, clock=clock)
    if champion is not None:
        raise Outdated(version.key.subject, champion)


def _point(settings: Settings, version: RegisteredVersion, clock: Clock) -> bool:
    from registry.connection import open_registry  # imports MLflow, which reading the champion does without

    before = aliases_of(open_database(settings.registry_url), version.model).get(names.CHAMPION)
    if before == version.version:
        return False
    with open_registry(settings, account=names.PROMOTER) as registry:
        if before is not None:
            if _serves(settings, version.model, clock):
                registry.models.set_registered_model_alias(version.model, names.PREVIOUS, str(before))
            else:
                registry.models.delete_registered_model_alias(version.model, names.PREVIOUS)
        registry.models.set_registered_model_alias(version.model, names.CHAMPION, str(version.version))
    return True


def _leave_line(
    settings: Settings, version: RegisteredVersion, manifest: VersionManifest, *, by: str, again: bool, clock: Clock
) -> None:
    ledger = Ledger(require_current(open_database(settings.ledger_url)), clock)
    leave = ledger.append if again else ledger.append_once
    leave(by, PROMOTED, version.key.subject, digest=manifest.digest)


def _stands(settings: Settings, key: VersionKey, clock: Clock) -> bool:
    with suppress(CaregateError):
        version = read_version(open_database(settings.registry_url), key.model, key.version)
        manifest = verified_manifest(artifact_folder(settings, version.location))
        standing_of(settings, version, manifest, now=clock())
        _require_comparison(settings, version, manifest, clock)
        return version.key == key
    return False


def _serves(settings: Settings, model: str, clock: Clock) -> bool:
    with suppress(CaregateError, NoChampion):
        champion_of(settings, model, clock=clock)
        return True
    return False


def _holds(folder: Path, manifest: VersionManifest) -> bool:
    with suppress(DigestMismatch):
        return verified_manifest(folder).digest == manifest.digest
    return False
