"""Reading a file that a stranger made: bounded, hashed, and refused in one line that repeats nothing of it."""

from __future__ import annotations

import gzip
import hashlib
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from caregate.errors import BadInput
from crm.policy import DoorPolicy, door_policy

CHUNK = 1 << 20
GZIP_MAGIC = b"\x1f\x8b"


class UnreadableFile(BadInput):
    """A file cannot be used as it lies there.

    Attributes
    ----------
    why
        What is wrong and what to do, without a value of the file.
    """

    def __init__(self, path: Path, why: str) -> None:
        super().__init__(f"{path.name or path}: {why}")
        self.why = why


class LocationMissing(BadInput):
    """A source was asked to read and not told where."""

    def __init__(self, source: str) -> None:
        super().__init__(f"the source {source!r} needs the path of what it is to read")


@dataclass(frozen=True, slots=True)
class Content:
    """A file's bytes, unpacked, and the digest of the file as it lies there."""

    data: bytearray
    digest: str


def read_content(path: Path, policy: DoorPolicy | None = None) -> Content:
    """Read the plain or gzipped file at `path`.

    Raises
    ------
    UnreadableFile
        If it is missing, no file, empty, damaged, or unpacks to more than the policy allows.
    """
    require_file(path)
    limits = policy or door_policy()
    try:
        with path.open("rb") as raw:
            packed = raw.read(2) == GZIP_MAGIC
            raw.seek(0)
            if path.suffix == ".gz" and not packed:
                raise UnreadableFile(path, "its name ends in .gz but it is not gzip; rename it or export it again")
            data = _unpack(path, raw, limits) if packed else _whole(path, raw, limits)
            return Content(data, file_digest(path))
    except OSError as error:
        raise UnreadableFile(path, f"cannot be read ({error.strerror or type(error).__name__})") from None


def require_file(path: Path) -> None:
    """Refuse a path that is no readable file with something in it.

    Raises
    ------
    UnreadableFile
        If nothing is there, or a directory, or a file of no bytes.
    """
    try:
        if path.is_dir():
            raise UnreadableFile(path, "is a directory; name a file in it")
        if not path.is_file():
            raise UnreadableFile(path, "there is no such file")
        if path.stat().st_size == 0:
            raise UnreadableFile(path, "is empty; export it again")
    except (OSError, ValueError):  # a name that is too long, or holds a NUL
        raise UnreadableFile(Path("PATH"), "is no name that a file can have") from None


def is_folder(path: Path) -> bool:
    """Tell whether `path` is a directory; what no file could be called is none."""
    try:
        return path.is_dir()
    except (OSError, ValueError):
        return False


def require_location(source: str, location: str | None) -> Path:
    """Return the path that `source` is to read.

    Raises
    ------
    LocationMissing
        If none was given.
    """
    if not location:
        raise LocationMissing(source)
    return Path(location)


def file_digest(path: Path) -> str:
    """Return ``sha256:…`` of the file's bytes as they lie there."""
    with path.open("rb") as file:
        return "sha256:" + hashlib.file_digest(file, "sha256").hexdigest()


def _whole(path: Path, raw: IO[bytes], limits: DoorPolicy) -> bytearray:
    return _gather(path, iter(lambda: raw.read(CHUNK), b""), lambda: limits.most_bytes)


def _unpack(path: Path, raw: IO[bytes], limits: DoorPolicy) -> bytearray:
    def allowed() -> int:
        return min(limits.most_bytes, max(limits.ratio_from_bytes, raw.tell() * limits.most_ratio))

    try:
        with gzip.GzipFile(fileobj=raw) as unpacked:
            return _gather(path, iter(lambda: unpacked.read(CHUNK), b""), allowed)
    except (EOFError, gzip.BadGzipFile, zlib.error):
        raise UnreadableFile(path, "is damaged or cut off gzip; copy or export it again") from None


def _gather(path: Path, chunks: Iterator[bytes], allowed: Callable[[], int]) -> bytearray:
    data = bytearray()
    for chunk in chunks:
        data += chunk
        if len(data) > allowed():
            raise UnreadableFile(path, "unpacks to more than crm/policy.yaml allows; split it, or look who sent it")
    if not data:
        raise UnreadableFile(path, "is empty; export it again")
    return data
