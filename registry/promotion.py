"""Promotion: an approved version is copied, by content, to where scoring reads, and comes into use.

The ledger's line is the promotion; the copy stands before it and the aliases, which only show it, follow. Every step
can be repeated: the copy is named by its digest and renamed into place, the line is written once, an alias is set to
what it was.
"""

from __future__ import annotations

import shutil
import tempfile
from contextlib import suppress
from pathlib import Path

from caregate.clock import Clock, system_clock
from caregate.errors import CaregateError, NotFound, Refused
from caregate.settings import Settings
from crm.atomic_folder import only_writer
from governance.database import exclusive, ledger_database
from governance.ledger import Ledger
from registry import names
from registry.aliases import show_aliases
from registry.approvals import VersionKey, approved_keys
from registry.artifacts import artifact_folder
from registry.champion import Champion, approved_folder, champion_of, standing_of
from registry.digest import DigestMismatch, VersionManifest, verified_manifest
from registry.incumbent import overtaken_by
from registry.promotions import PROMOTED, before, in_use, was_in_use
from registry.proving import require_proof
from registry.registrations import Registration, newest_registration, registration_of


class Outdated(Refused):
    """A version that was not compared with the one in use."""

    def __init__(self, subject: str, champion: Champion) -> None:
        super().__init__(
            f"{subject} is not promoted: version {champion.version} came into use since it was judged; "
            f"run {champion.model} again to hold them against each other"
        )


class CameOutOfUse(Refused):
    """A version that was in use before, promoted by nobody who could be named."""

    def __init__(self, subject: str) -> None:
        model, _, version = subject.rpartition("/")
        super().__init__(
            f"{subject} is not promoted: it was in use before, and what went out of use comes back by a person: "
            f"caregate rollback {model} --to {version}"
        )


class NoPrevious(NotFound):
    """There is nothing to roll back to."""

    def __init__(self, model: str, version: int | None = None) -> None:
        which = f"never had version {version} in use" if version else "has no previous version"
        super().__init__(f"{model} {which} to roll back to: suspend it instead")


def promote(
    settings: Settings, model: str, version: int, *, by: str = names.PROMOTER, clock: Clock = system_clock
) -> Champion:
    """Make an approved version the champion; the promoter makes none that was in use before.

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
    CameOutOfUse
        If it was in use before, is not now, and the promoter would bring it back.
    NotServable
        If its approved copy fails the serving gate.
    """
    found = _ready(settings, model, version, clock)
    _put_in_use(settings, found, by=by, clock=clock)
    show_aliases(settings, model, clock=clock)
    return champion_of(settings, model, clock=clock)


def rollback(
    settings: Settings, model: str, *, by: str, to: int | None = None, clock: Clock = system_clock
) -> Champion:
    """Put a version that was in use before back in use, if its approval still stands.

    Parameters
    ----------
    settings, model
        Of the home, and which model.
    by
        Who does it.
    to
        Which version; the one before the one in use where it is not given.
    clock
        Tells the moment.

    Raises
    ------
    NoPrevious
        If there is none, or `to` never was in use.
    NotApproved
        If its approval does not stand any more.
    """
    ledger = Ledger(ledger_database(settings), clock)
    if to is None:
        previous = before(ledger, model)
        if previous is None:
            raise NoPrevious(model)
        to = previous.key.version
    elif not was_in_use(ledger, newest_registration(ledger, model, to).key):
        raise NoPrevious(model, to)
    champion = promote(settings, model, to, by=by, clock=clock)
    ledger.append(by, "model.rollback", f"{model}/{to}", digest=champion.digest)
    return champion


def prepare(settings: Settings, model: str, version: int, *, clock: Clock = system_clock) -> None:
    """Copy a version that may still be signed and put the copy through the serving gate, so that no signature waits.

    Raises
    ------
    DigestMismatch, NotServable
        If it could not be promoted, signed or not.
    """
    found = newest_registration(Ledger(ledger_database(settings)), model, version)
    source = artifact_folder(settings, found.location)
    manifest = verified_manifest(source, found.digest)
    require_proof(settings, found.key, publish(settings, source, manifest), manifest, clock)


def pending_promotions(settings: Settings, *, clock: Clock = system_clock) -> list[VersionKey]:
    """Return, of each model, the version that was approved last and stands, unless it was promoted before.

    A rollback is therefore not undone: what was promoted once comes back by a person's act alone.
    """
    engine = ledger_database(settings)
    ledger = Ledger(engine, clock)
    decided: dict[str, VersionKey | None] = {}
    for key in reversed(approved_keys(engine)):
        if key.model in decided:
            continue
        if was_in_use(ledger, key):
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
    # two promotions would move each other's copy away, which may be in use already
    with only_writer(settings.approved_dir, ".publishing.lock"), _aside(settings.approved_dir) as aside:
        if target.is_dir() and _holds(target, manifest):  # another put it there in the meantime
            return target
        copy = Path(aside) / "copy"
        shutil.copytree(source, copy)
        if verified_manifest(copy).digest != manifest.digest:
            raise DigestMismatch(manifest.model, "it changed while it was copied")
        if target.exists():  # a copy that someone spoilt makes room
            target.rename(Path(aside) / "spoilt")
        copy.rename(target)
    return target


def _aside(folder: Path) -> tempfile.TemporaryDirectory[str]:
    return tempfile.TemporaryDirectory(dir=folder, prefix=".copying-")


def _require_comparison(settings: Settings, key: VersionKey, manifest: VersionManifest, clock: Clock) -> None:
    champion = overtaken_by(settings, key, manifest, clock=clock)
    if champion is not None:
        raise Outdated(key.subject, champion)


def _ready(settings: Settings, model: str, version: int, clock: Clock) -> Registration:
    found = newest_registration(Ledger(ledger_database(settings)), model, version)
    source = artifact_folder(settings, found.location)
    manifest = verified_manifest(source, found.digest)
    standing_of(settings, found.key, manifest, now=clock())
    _require_comparison(settings, found.key, manifest, clock)
    require_proof(settings, found.key, publish(settings, source, manifest), manifest, clock)
    return found


def _put_in_use(settings: Settings, version: Registration, *, by: str, clock: Clock) -> None:
    engine = ledger_database(settings)
    ledger = Ledger(engine, clock)
    manifest = verified_manifest(approved_folder(settings, version.digest), version.digest)
    with exclusive(engine) as connection:
        standing_of(settings, version.key, manifest, now=clock())  # a revocation may have come while files were hashed
        current = in_use(ledger, version.key.model)
        if current and (current.key, current.digest) == (version.key, version.digest):
            return
        if by == names.PROMOTER and was_in_use(ledger, version.key):
            raise CameOutOfUse(version.key.subject)
        _require_comparison(settings, version.key, manifest, clock)  # another may have come into use meanwhile
        ledger.append_within(
            connection,
            by,
            PROMOTED,
            version.key.subject,
            digest=version.digest,
            created_ms=version.key.created_ms,
            run_key=version.run_key,
            recipe=version.recipe,
        )


def _stands(settings: Settings, key: VersionKey, clock: Clock) -> bool:
    with suppress(CaregateError):
        version = registration_of(Ledger(ledger_database(settings)), key)
        if version is None:
            return False
        manifest = verified_manifest(artifact_folder(settings, version.location), version.digest)
        standing_of(settings, key, manifest, now=clock())
        _require_comparison(settings, key, manifest, clock)
        return True
    return False


def _holds(folder: Path, manifest: VersionManifest) -> bool:
    with suppress(DigestMismatch):
        return verified_manifest(folder).digest == manifest.digest
    return False
