"""Whether the files of versions are still what they were: the approved copies, and the closed folders behind them."""

from __future__ import annotations

from contextlib import suppress

from caregate.errors import CaregateError
from caregate.settings import Settings
from governance.database import ledger_database
from governance.ledger import Ledger
from registry.artifacts import artifact_folder, open_artifacts, path_of
from registry.champion import approved_folder
from registry.digest import DigestMismatch, verified_manifest
from registry.registrations import Registration, registrations

NAMED = 5
"""How many that do not hold are named."""


class FilesChanged(CaregateError):
    """Files of versions are missing, or not what they were."""

    exit_code = 1

    def __init__(self, what: str, changed: list[str], count: int) -> None:
        named = ", ".join(changed[:NAMED]) + (" and more" if len(changed) > NAMED else "")
        super().__init__(f"{len(changed)} of {count} {what} do not hold: {named}; restore them from the backup")


def check_approved(settings: Settings) -> str:
    """Hash every approved copy, of which scoring loads one.

    Raises
    ------
    FilesChanged
        If one is not what its name says.
    """
    folders = sorted(item for item in settings.approved_dir.glob("*") if not item.name.startswith("."))
    changed = [folder.name for folder in folders if not _is_named_by_its_content(settings, folder.name)]
    if changed:
        raise FilesChanged("approved copies", changed, len(folders))
    return f"{len(folders)}, all as they were approved"


def check_registered(settings: Settings) -> str:
    """Hash the closed folder of every registered version.

    Raises
    ------
    FilesChanged
        If one is open, or not what was registered.
    """
    versions = registrations(Ledger(ledger_database(settings)))
    changed = [version.key.subject for version in versions if not _is_as_registered(settings, version)]
    if changed:
        raise FilesChanged("registered versions' folders", changed, len(versions))
    return f"{len(versions)}, all closed and as they were registered"


def _is_named_by_its_content(settings: Settings, name: str) -> bool:
    folder = settings.approved_dir / name
    with suppress(DigestMismatch):
        return approved_folder(settings, verified_manifest(folder).digest) == folder
    return False


def _is_as_registered(settings: Settings, version: Registration) -> bool:
    with suppress(CaregateError):
        folder = artifact_folder(settings, version.location)
        closed = open_artifacts(settings).is_closed(path_of(version.location))
        return closed and verified_manifest(folder).digest == version.digest
    return False
