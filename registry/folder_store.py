"""Artifacts in a local folder: a file is linked into its place, which never replaces, and a mark closes a folder."""

from __future__ import annotations

import fcntl
import filecmp
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from registry.artifact_store import (
    FROZEN,
    Closed,
    Entry,
    ForeignArtifacts,
    KeptForGood,
    NoSuchArtifact,
    WrittenOnce,
    checked,
    writable,
)


class FolderStore:
    """The local artifact store.

    Writers share a lock between asking whether a folder is closed and putting the file there; who closes or deletes
    has it alone. So no file comes into a folder once its closing has returned, in any process of the home.

    Parameters
    ----------
    root
        The folder; a file beside it, ``<name>.lock``, is the lock.
    """

    def __init__(self, root: Path) -> None:
        self._root = root.resolve()
        self._lock_file = self._root.with_name(f"{self._root.name}.lock")

    def put(self, staged: Path, path: str) -> None:
        """Link `staged` into its place, on the same file system."""
        place = self._place(str(writable(path)))
        with self._lock(fcntl.LOCK_SH):
            if self._in_closed(place):
                raise Closed
            try:
                place.parent.mkdir(parents=True, exist_ok=True)
                os.link(staged, place)  # unlike a rename, a link never replaces
            except (FileExistsError, NotADirectoryError):
                if not place.is_file() or not filecmp.cmp(staged, place, shallow=False):
                    raise WrittenOnce from None

    def delete(self, path: str) -> None:
        """Delete a file or a folder in which nothing is closed."""
        if not path:
            raise KeptForGood
        place = self._place(path)
        with self._lock(fcntl.LOCK_EX):
            if self._in_closed(place) or next(place.rglob(FROZEN), None) is not None:
                raise Closed
            if place.is_dir():
                shutil.rmtree(place)
            else:
                place.unlink(missing_ok=True)

    def close(self, path: str) -> None:
        """Close a folder by the mark beside it, which is on the disk when this returns."""
        folder = self._place(path).parent
        with self._lock(fcntl.LOCK_EX):
            folder.mkdir(parents=True, exist_ok=True)
            (folder / FROZEN).touch(mode=0o444)
            descriptor = os.open(folder, os.O_RDONLY)
            try:
                os.fsync(descriptor)
            finally:
                os.close(descriptor)

    def is_closed(self, path: str) -> bool:
        """Look for a mark, from `path` up to the root."""
        return self._in_closed(self._place(path))

    def fetch(self, path: str) -> Path:
        """Return the folder itself."""
        return self._place(path)

    def entries(self, path: str) -> list[Entry]:
        """List a folder; a file holds nothing."""
        folder = self._place(path) if path else self._root
        found = sorted(folder.iterdir()) if folder.is_dir() else []
        return [
            Entry(item.relative_to(self._root).as_posix(), None if item.is_dir() else item.stat().st_size)
            for item in found
            if not item.is_symlink()
        ]

    def local(self, path: str) -> Path:
        """Return the file itself."""
        place = self._place(path)
        if not place.exists():
            raise NoSuchArtifact
        return place

    def download(self, path: str, target: Path) -> None:
        """Copy a file."""
        shutil.copyfile(self.local(path), target)

    def _place(self, path: str) -> Path:
        place = (self._root / checked(path)).resolve()  # through links, which must not lead out
        if self._root not in place.parents:
            raise ForeignArtifacts
        return place

    def _in_closed(self, place: Path) -> bool:
        within = (place, *place.parents)
        return any((folder / FROZEN).exists() for folder in within[: within.index(self._root) + 1])

    @contextmanager
    def _lock(self, kind: int) -> Iterator[None]:
        self._root.mkdir(parents=True, exist_ok=True)
        with self._lock_file.open("a") as lock:
            fcntl.flock(lock, kind)
            yield
