"""A segment of the journal: one file of frames, held by the process that writes or drains it.

Who holds a segment holds its lock, so that a segment whose lock is free is a dead process's. The file begins with how
far it was drained: others read there what the table already has.
"""

from __future__ import annotations

import fcntl
import os
import secrets
import struct
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from governance.journal_frames import Piece, pieces

SUFFIX, BROKEN_SUFFIX, UNBORN_SUFFIX = ".journal", ".broken", ".unborn"
MAGIC = b"CGJRNL01"
MARK = struct.Struct(">8sQ")
"""The file's first bytes: what it is, and up to where it was drained."""
WINDOW = 1 << 20
"""Bytes that are read at a time."""
_sync = getattr(os, "fdatasync", os.fsync)


class Segment:
    """One file of frames; `create` or `take` opens it.

    Attributes
    ----------
    path
        Where it lies.
    written, drained
        Up to which byte frames were written, and up to which the table has them.
    faults
        What was found in it that the table could not take.
    """

    def __init__(self, path: Path, descriptor: int, *, written: int, drained: int) -> None:
        self.path = path
        self.written = written
        self.drained = drained
        self.faults = 0
        self._descriptor = descriptor
        self._synced = 0

    @classmethod
    def create(cls, folder: Path) -> Segment:
        """Make a segment of this process's own; it is locked before anybody can find it."""
        unborn = folder / f"{os.getpid()}-{secrets.token_hex(8)}{UNBORN_SUFFIX}"
        descriptor = os.open(unborn, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            _write_whole(descriptor, MARK.pack(MAGIC, MARK.size), 0)
            path = unborn.rename(unborn.with_suffix(SUFFIX))
        except OSError:
            os.close(descriptor)
            unborn.unlink(missing_ok=True)
            raise
        return cls(path, descriptor, written=MARK.size, drained=MARK.size)

    @classmethod
    def take(cls, path: Path) -> Segment | None:
        """Take over the segment of a dead process; None if somebody holds it, or it went meanwhile."""
        try:
            descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC)
        except FileNotFoundError:
            return None
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            return None
        found = os.fstat(descriptor)
        if not found.st_nlink:  # another drained it between opening and locking
            os.close(descriptor)
            return None
        drained = _marked(os.pread(descriptor, MARK.size, 0))
        return cls(path, descriptor, written=found.st_size, drained=min(drained, found.st_size))

    def append(self, frame: bytes) -> None:
        """Hand `frame` to the operating system by one write.

        Raises
        ------
        OSError
            If it was not taken whole, or the file is not the one that it was; nothing of the frame counts then.
        """
        end = self.written + len(frame)
        _write_whole(self._descriptor, frame, self.written)
        found = os.fstat(self._descriptor)
        if not found.st_nlink or found.st_size != end:
            raise FileChanged
        self.written = end

    def cut_back(self) -> None:
        """Take away what a write left that was not whole."""
        os.ftruncate(self._descriptor, self.written)

    def pieces(self, until: int, *, at_end: bool) -> Iterator[Piece]:
        """Yield what is not drained yet and was written before `until`; where `at_end`, no cut frame is waited for."""
        at, window = self.drained, WINDOW
        while at < until:
            data = os.pread(self._descriptor, min(window, until - at), at)
            last = len(data) < window
            end = at
            for piece in pieces(data, at_end=at_end and last):
                end = at + piece.end
                yield Piece(at + piece.start, end, piece.payload)
            if last:
                return
            at, window = end, window * 2 if end == at else WINDOW

    def mark_drained(self, end: int) -> None:
        """Remember that the table has everything before `end`; others read it too, but not past a fault."""
        self.drained = end
        if not self.faults:
            os.pwrite(self._descriptor, MARK.pack(MAGIC, end), 0)

    def sync(self) -> None:
        """Wait until what was written so far, and is not drained, is on disk, and the file's name in its folder."""
        end = self.written
        if max(self._synced, self.drained) >= end:
            return
        _sync(self._descriptor)
        if not self._synced:
            _sync_folder(self.path.parent)
        self._synced = end

    def remove(self) -> None:
        """Take the drained file away and let go of it."""
        self.path.unlink(missing_ok=True)
        self.close()

    def put_aside(self) -> None:
        """Keep the file for a person, where nobody drains it again."""
        with suppress(FileNotFoundError):
            self.path.rename(self.path.with_suffix(BROKEN_SUFFIX))
        self.close()

    def close(self) -> None:
        """Let go of the file and its lock."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def __enter__(self) -> Segment:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class FileChanged(OSError):
    """The file is gone, or somebody else changed it."""


class ShortWrite(OSError):
    """The operating system took a part of what was written: the disk, or what this process may write, is full."""


def drained_until(path: Path) -> int | None:
    """Return up to where the segment at `path` was drained; None if there is none any more."""
    try:
        with path.open("rb") as file:
            return _marked(file.read(MARK.size))
    except FileNotFoundError:
        return None


def _marked(head: bytes) -> int:
    if len(head) < MARK.size:
        return MARK.size
    magic, drained = MARK.unpack(head)
    return max(int(drained), MARK.size) if magic == MAGIC else MARK.size


def _write_whole(descriptor: int, content: bytes, at: int) -> None:
    if os.pwrite(descriptor, content, at) != len(content):
        raise ShortWrite


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
