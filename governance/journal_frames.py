"""Frames of a journal: bytes with their length and checksum, so that what was never whole can be told from what was.

A frame is a head of 16 bytes and its payload. The head has a checksum of its own: a sound head whose payload runs past
the end is a write that a crash cut short; a head that does not hold was written whole once, and something spoilt it.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from zlib import crc32

START = b"\xffCJ\xfe"
"""No byte of UTF-8 is 0xFF or 0xFE, so text in a payload never looks like the start of a frame."""
HEAD = struct.Struct(">4sII")
HEAD_BYTES = HEAD.size + 4


@dataclass(frozen=True, slots=True)
class Piece:
    """A part of a journal: a whole frame, or bytes that hold none.

    Attributes
    ----------
    start, end
        Where it lies.
    payload
        What the frame holds; None where the bytes are broken.
    """

    start: int
    end: int
    payload: bytes | None


def frame(payload: bytes) -> bytes:
    """Return `payload` as a frame."""
    head = HEAD.pack(START, len(payload), crc32(payload))
    return b"".join((head, crc32(head).to_bytes(4, "big"), payload))


def pieces(data: bytes, *, at_end: bool) -> Iterator[Piece]:
    """Yield the frames in `data` and the broken stretches between them, in order.

    What follows the last piece is the beginning of a frame: where `at_end`, one that a crash cut short, and else one
    whose rest is yet to be read. Bytes that are all zero at the end are such a rest too: a power failure can leave a
    file longer than what was written.
    """
    at = 0
    while at < len(data):
        end = _end_of_frame(data, at)
        if end is not None and end <= len(data):
            yield Piece(at, end, data[at + HEAD_BYTES : end])
            at = end
            continue
        following = _next_frame(data, at + 1)
        if following is None and (not at_end or end is not None or _was_cut(data, at)):
            return
        end = len(data) if following is None else following
        yield Piece(at, end, None)
        at = end


def _end_of_frame(data: bytes, at: int) -> int | None:
    """Return where the frame at `at` ends, which may be past the data; None where no sound frame begins there."""
    if len(data) - at < HEAD_BYTES:
        return None
    start, length, checksum = HEAD.unpack_from(data, at)
    head_end, end = at + HEAD.size, at + HEAD_BYTES + int(length)
    if start != START or crc32(data[at:head_end]) != int.from_bytes(data[head_end : head_end + 4], "big"):
        return None
    if end <= len(data) and crc32(data[at + HEAD_BYTES : end]) != checksum:
        return None
    return end


def _next_frame(data: bytes, at: int) -> int | None:
    """Return where the next whole frame begins, from `at` on."""
    while (at := data.find(START, at)) >= 0:
        end = _end_of_frame(data, at)
        if end is not None and end <= len(data):
            return at
        at += 1
    return None


def _was_cut(data: bytes, at: int) -> bool:
    rest = data[at : at + HEAD_BYTES]
    return (len(rest) < HEAD_BYTES and START.startswith(rest[: len(START)])) or not data[at:].strip(b"\0")
