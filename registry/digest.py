"""The content digest of a version: what an approval is bound to.

A version's folder holds the model's files, its evidence and ``manifest.json``, which names the SHA-256 of each file and
what else the version stands on: model, author, risk class, snapshot, policy. The digest is that of the manifest, so one
value covers all of it and can be checked from the folder alone.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from datetime import date
from pathlib import Path

from caregate.errors import CaregateError
from governance.ledger import digest_of
from registry.names import signatures_required

MANIFEST = "manifest.json"


class DigestMismatch(CaregateError):
    """A version's files are not those that its manifest names, or not those that were approved."""

    exit_code = 1

    def __init__(self, where: str, why: str) -> None:
        super().__init__(f"{where} is not what was registered: {why}")


@dataclass(frozen=True, slots=True)
class VersionManifest:
    """What a version is made of.

    Attributes
    ----------
    model, author, risk_class
        Registered name, who ran it, and ``operational`` or ``clinical``.
    snapshot, policy
        ``sha256:…`` of the data and of the gates' policy.
    files
        SHA-256 in hex of every file in the folder, by its path there.
    compared_with
        Digest of the version in use that it was held against; empty where there was none.
    valid_until
        Last day of the waivers that it stands on, ISO 8601; empty where it stands on none.
    """

    model: str
    author: str
    risk_class: str
    snapshot: str
    policy: str
    files: dict[str, str]
    compared_with: str = ""
    valid_until: str = ""

    @property
    def digest(self) -> str:
        """Return ``sha256:…`` of the manifest."""
        return digest_of(asdict(self))

    @property
    def last_day(self) -> date | None:
        """Last day of the waivers that the version stands on."""
        return date.fromisoformat(self.valid_until) if self.valid_until else None

    @property
    def signatures(self) -> int:
        """How many have to sign: two for a clinical model."""
        return signatures_required(self.author, self.risk_class)


def hash_files(folder: Path) -> dict[str, str]:
    """Return the SHA-256 of every file under `folder` but the manifest, by its relative path."""
    files = sorted(path for path in folder.rglob("*") if path.is_file() or path.is_symlink())
    return {path.relative_to(folder).as_posix(): _hash(path) for path in files if path != folder / MANIFEST}


def write_manifest(folder: Path, manifest: VersionManifest) -> None:
    """Write `manifest` into `folder`."""
    text = json.dumps(asdict(manifest), indent=1, sort_keys=True, ensure_ascii=False) + "\n"
    (folder / MANIFEST).write_text(text, encoding="utf-8")


def verified_manifest(folder: Path, digest: str | None = None) -> VersionManifest:
    """Return the manifest of `folder` after hashing each of its files.

    Parameters
    ----------
    folder
        A version's files.
    digest
        What they have to be, ``sha256:…``; anything that agrees with its own manifest where it is not given.

    Raises
    ------
    DigestMismatch
        If the manifest is absent or unreadable, or a file was added, removed or changed.
    """
    try:
        manifest = VersionManifest(**json.loads((folder / MANIFEST).read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        raise DigestMismatch(folder.name, f"{MANIFEST} is missing or unreadable") from None
    found = hash_files(folder)
    changed = sorted(
        name for name in found.keys() | manifest.files.keys() if found.get(name) != manifest.files.get(name)
    )
    if changed:
        raise DigestMismatch(folder.name, f"{', '.join(changed[:5])} changed, appeared or vanished")
    if digest is not None and manifest.digest != digest:
        raise DigestMismatch(folder.name, f"{MANIFEST} is another")
    return manifest


def _hash(path: Path) -> str:
    if path.is_symlink():
        raise DigestMismatch(path.parent.name, f"{path.name} is a link")
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
