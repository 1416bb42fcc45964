"""A folder that appears whole or not at all, whenever its writer is killed."""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

PARTIAL = ".partial-"


def write_whole(root: Path, name: str, fill: Callable[[Path], None]) -> Path:
    """Return ``root/name``, filled by `fill` unless it stands already; what killed writers left is removed.

    `fill` is given an empty folder beside, which is flushed to the disk and then renamed. One writer works at a time.
    """
    root.mkdir(parents=True, exist_ok=True, mode=0o700)
    target = root / name
    with only_writer(root):
        _remove_leftovers(root)
        if not target.exists():
            partial = root / f"{PARTIAL}{name}"
            partial.mkdir(mode=0o700)
            try:
                fill(partial)
                _flush(partial)
                partial.rename(target)
            finally:
                shutil.rmtree(partial, ignore_errors=True)
            _flush_entry(root)
    return target


@contextmanager
def only_writer(root: Path, name: str = ".lock") -> Iterator[None]:
    """Wait until nobody else holds the lock `name` of the folder `root`, and hold it until the block ends."""
    # The kernel gives the lock up when its holder dies, so what is partial under it is nobody's.
    with (root / name).open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _remove_leftovers(root: Path) -> None:
    for leftover in root.glob(f"{PARTIAL}*"):
        shutil.rmtree(leftover)


def _flush(folder: Path) -> None:
    for file in folder.iterdir():
        _flush_entry(file)
    _flush_entry(folder)


def _flush_entry(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
