"""What the registry needs of the place where artifacts lie, whichever it is, and the rules on paths in it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Protocol
from urllib.parse import unquote, urlsplit

from caregate.errors import BadInput, CaregateError, NotFound, Refused

ROOT = "mlflow-artifacts:/"
"""MLflow's address of the artifact root: the same files are reached by the server and in process."""
FROZEN = "frozen"
"""Name of the file beside a logged model's ``artifacts`` folder that closes it."""
LONGEST_NAME, LONGEST_PATH = 255, 900
"""Bytes: what file systems take for a name, and a bucket for a key with a prefix before it."""


class ForeignArtifacts(CaregateError):
    """A version points to files outside of this home's artifact store."""

    exit_code = 1

    def __init__(self) -> None:
        super().__init__("the version's files are not in this home's artifact store: it cannot be trusted")


class UnusablePath(BadInput):
    """A path that leads out of the store, or that no store can hold."""

    def __init__(self) -> None:
        super().__init__("this is no path of an artifact: it leads out, is too long, or holds signs that are not shown")


class NoSuchArtifact(NotFound):
    """Nothing lies there."""

    def __init__(self) -> None:
        super().__init__("no such artifact")


class WrittenOnce(Refused):
    """A file exists with other content."""

    def __init__(self) -> None:
        super().__init__("this file exists with other content: artifacts are written once")


class Closed(Refused):
    """A registered version's files, to which nothing is done any more."""

    def __init__(self) -> None:
        super().__init__("these files belong to a registered version: they are kept as they went through the gates")


class ReservedName(Refused):
    """The name of the marks that close folders."""

    def __init__(self) -> None:
        super().__init__("this name marks folders that are closed: nothing is stored under it")


class KeptForGood(Refused):
    """What nobody deletes."""

    def __init__(self) -> None:
        super().__init__("nothing is deleted here")


@dataclass(frozen=True, slots=True)
class Entry:
    """A file or folder in a listing; a folder has no size."""

    path: str
    size: int | None

    @property
    def is_folder(self) -> bool:
        """Tell whether it is a folder."""
        return self.size is None


class ArtifactStore(Protocol):
    """Files that are written once, in folders that are closed for good.

    Every path is relative to the store, with ``/`` between its parts. `UnusablePath` is raised of one that leads out.
    """

    def put(self, staged: Path, path: str) -> None:
        """Store the local file `staged`, which the caller gives up, under `path`; the same content again is no change.

        Raises
        ------
        WrittenOnce, Closed, ReservedName
            If a rule forbids it.
        """

    def delete(self, path: str) -> None:
        """Delete what no version stands on.

        Raises
        ------
        Closed, KeptForGood
            If it has to stay.
        """

    def close(self, path: str) -> None:
        """Close a logged model's folder: from now on nothing is added to it, changed or deleted."""

    def is_closed(self, path: str) -> bool:
        """Tell whether `path` lies in a closed folder."""

    def fetch(self, path: str) -> Path:
        """Return a local folder that holds the files under `path`; whoever reads it checks its manifest."""

    def entries(self, path: str) -> list[Entry]:
        """Return what lies directly under `path`, by name."""

    def local(self, path: str) -> Path | None:
        """Return the file at `path` where it lies on this machine, None where it has to be downloaded."""

    def download(self, path: str, target: Path) -> None:
        """Write the file at `path` to the local file `target`."""


def path_of(location: str) -> str:
    """Return the path that MLflow calls ``mlflow-artifacts:/<path>``.

    Raises
    ------
    ForeignArtifacts
        If `location` is of another scheme or leads out of the artifact store.
    """
    parts = urlsplit(location)
    if parts.scheme != "mlflow-artifacts" or parts.netloc:
        raise ForeignArtifacts
    try:
        return str(checked(unquote(parts.path).lstrip("/")))
    except UnusablePath:
        raise ForeignArtifacts from None


def checked(path: str) -> PurePosixPath:
    """Return `path` as one that stays in the store.

    Raises
    ------
    UnusablePath
        If it does not, is empty, or is not fit for any store.
    """
    found = PurePosixPath(path)
    hidden = not path.isprintable() or "\\" in path
    long = len(path.encode(errors="replace")) > LONGEST_PATH or any(
        len(part.encode(errors="replace")) > LONGEST_NAME for part in found.parts
    )
    if hidden or long or found.is_absolute() or ".." in found.parts or not found.parts:
        raise UnusablePath
    return found


def writable(path: str) -> PurePosixPath:
    """Return `path` as one under which a file may be stored.

    Raises
    ------
    UnusablePath, ReservedName
        If it may not.
    """
    found = checked(path)
    if FROZEN in (part.casefold() for part in found.parts):
        raise ReservedName
    return found
