"""Where a version's files lie, and how they are closed for good once it is registered."""

from __future__ import annotations

import os
from pathlib import Path
from urllib.parse import unquote, urlsplit

from caregate.errors import CaregateError
from caregate.settings import Settings

ROOT = "mlflow-artifacts:/"
"""MLflow's address of the artifact root: the same files are reached by the server and in process."""
FROZEN = "frozen"
"""Name of the empty file beside a logged model's ``artifacts`` folder that closes it."""


class ForeignArtifacts(CaregateError):
    """A version points to files outside of this home's artifact store."""

    exit_code = 1

    def __init__(self) -> None:
        super().__init__("the version's files are not in this home's artifact store: it cannot be trusted")


def artifact_folder(settings: Settings, location: str) -> Path:
    """Return the folder that MLflow calls ``mlflow-artifacts:/<path>``.

    Raises
    ------
    ForeignArtifacts
        If `location` is of another scheme or leads out of the artifact store.
    """
    parts = urlsplit(location)
    folder = (settings.artifacts_dir / unquote(parts.path).lstrip("/")).resolve()
    if parts.scheme != "mlflow-artifacts" or parts.netloc or settings.artifacts_dir.resolve() not in folder.parents:
        raise ForeignArtifacts
    return folder


def freeze(folder: Path) -> None:
    """Close a logged model's folder: from now on nothing is added to it, changed or deleted."""
    marker = folder.parent / FROZEN
    marker.touch(mode=0o444)
    descriptor = os.open(folder.parent, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def is_frozen(path: Path, root: Path) -> bool:
    """Tell whether `path` lies in a folder under `root` that was closed."""
    return any((parent / FROZEN).exists() for parent in (path, *path.parents) if root in (parent, *parent.parents))


def holds_frozen(folder: Path) -> bool:
    """Tell whether a closed folder lies anywhere under `folder`."""
    return folder.is_dir() and next(folder.rglob(FROZEN), None) is not None
