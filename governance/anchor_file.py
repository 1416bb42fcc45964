"""The home's own anchors: a file outside the database, so that who writes the one has not written the other."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from caregate.clock import Clock, system_clock
from caregate.errors import CaregateError
from caregate.settings import Settings
from governance import seals
from governance.anchors import MOST_BYTES, Anchor, LinesCutOff, LinesRewritten, hold, make_anchor, parse_anchor
from governance.chain import BrokenChain, Link
from governance.database import ledger_database, make_durable
from governance.ledger import Ledger

NAME = "anchors.jsonl"


class AnchorsGone(CaregateError):
    """The home's anchors are absent or empty: nothing here would tell whether lines were cut off."""

    exit_code = 1

    def __init__(self) -> None:
        super().__init__(
            f"{NAME} is gone from the home: whether lines were cut off the ledger's end cannot be told here. "
            "Restore it from the backup, or check against anchors kept elsewhere (`caregate audit verify --anchor`) "
            "and begin it anew with `caregate audit anchor --anew`"
        )


class AnchorsChanged(CaregateError):
    """A line of the home's anchors was not written by this home."""

    exit_code = 1

    def __init__(self, number: int) -> None:
        super().__init__(
            f"line {number} of {NAME} is not this home's: the file was changed; restore it from the backup"
        )


def anchors_path(settings: Settings) -> Path:
    """Return where the home keeps its anchors."""
    return settings.home.resolve() / NAME


def kept_anchors(settings: Settings) -> list[Anchor]:
    """Return the home's own anchors, oldest first.

    Raises
    ------
    AnchorsGone
        If there are none.
    AnchorsChanged
        If one is not sealed by this home, or the lines are out of order.
    """
    path, key = anchors_path(settings), seals.required_key(ledger_database(settings))
    try:
        lines = _whole_lines(path.read_bytes())
    except FileNotFoundError:
        raise AnchorsGone from None
    if not lines:
        raise AnchorsGone
    anchors: list[Anchor] = []
    for number, line in enumerate(lines, 1):
        anchors.append(_own(path, number, line, key))
        if number > 1 and anchors[-1].seq <= anchors[-2].seq:
            raise AnchorsChanged(number)
    return anchors


def keep_anchor(settings: Settings, clock: Clock = system_clock, *, anew: bool = False) -> Anchor:
    """Check the lines since the home's last anchor, remember the last one, and return its anchor.

    Cheap to call again and again: it reads what was appended since, and writes where that is anything.

    Parameters
    ----------
    settings
        Of the home.
    clock
        Tells when.
    anew
        Begin the file where it is gone, after the whole chain was checked.

    Raises
    ------
    governance.chain.BrokenChain
        If a line since the last anchor does not hold, or the ledger no longer has the line that it knows.
    AnchorsGone
        If the home has no anchors and `anew` was not asked for.
    AnchorsChanged
        If the last anchor is not this home's.
    """
    engine = ledger_database(settings)
    key, ledger = seals.required_key(engine), Ledger(engine, clock)
    with _locked(anchors_path(settings), make=anew) as descriptor:
        last = _last(anchors_path(settings), descriptor, key)
        if last is None and not anew:
            raise AnchorsGone
        head = verify_since(ledger, last) if last else hold(ledger.links(), [])
        if last is not None and head.seq == last.seq:
            return last
        make_durable(engine)  # an anchor may not know a line that a crash of the database takes back
        anchor = make_anchor(last.home if last else _beginning(ledger), head, clock, key)
        _append(descriptor, anchor)
        return anchor


def _beginning(ledger: Ledger) -> str:
    first = ledger.link_at(1)
    if first is None:
        raise BrokenChain(1, "there is none")
    return first.hash


def verify_since(ledger: Ledger, anchor: Anchor) -> Link:
    """Check that the line of `anchor` stands, and all after it follow; return the last line's link.

    Raises
    ------
    governance.chain.BrokenChain
        At the first line that does not hold.
    """
    stands = ledger.link_at(anchor.seq)
    if stands is None:
        raise LinesCutOff(ledger.head().seq, anchor)
    if stands != anchor.link:
        raise LinesRewritten(anchor)
    return ledger.verify_since(anchor.link)


def verify_ledger(settings: Settings, anchors: list[Anchor]) -> Link:
    """Walk the home's whole chain against its own anchors and `anchors`; return the last line's link.

    Raises
    ------
    governance.chain.BrokenChain
        At the first line that does not hold.
    AnchorsGone, AnchorsChanged
        If the chain holds, and the home's own anchors do not.
    """
    links = Ledger(ledger_database(settings)).links
    try:
        own = kept_anchors(settings)
    except (AnchorsGone, AnchorsChanged):
        hold(links(), anchors)  # the ledger's own fault is named first
        raise
    return hold(links(), [*own, *anchors])


def _own(path: Path, number: int, line: bytes, key: bytes) -> Anchor:
    try:
        anchor = parse_anchor(path, number, line)
    except CaregateError:
        raise AnchorsChanged(number) from None
    if not anchor.is_sealed(key):
        raise AnchorsChanged(number)
    return anchor


@contextmanager
def _locked(path: Path, *, make: bool) -> Iterator[int]:
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_APPEND | (os.O_CREAT if make else 0), 0o600)
    except FileNotFoundError:
        raise AnchorsGone from None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield descriptor
    finally:
        os.close(descriptor)


def _last(path: Path, descriptor: int, key: bytes) -> Anchor | None:
    size = os.fstat(descriptor).st_size
    lines = _whole_lines(os.pread(descriptor, 2 * MOST_BYTES, max(0, size - 2 * MOST_BYTES)))
    return _own(path, 0, lines[-1], key) if lines else None


def _append(descriptor: int, anchor: Anchor) -> None:
    size = os.fstat(descriptor).st_size
    tail = os.pread(descriptor, 2 * MOST_BYTES, max(0, size - 2 * MOST_BYTES))
    if tail and not tail.endswith(b"\n"):  # a crash left half a line, that nobody was told of
        os.ftruncate(descriptor, size - len(tail) + tail.rfind(b"\n") + 1)
    os.write(descriptor, f"{anchor.text}\n".encode())
    os.fsync(descriptor)


def _whole_lines(content: bytes) -> list[bytes]:
    return content[: content.rfind(b"\n") + 1].splitlines()
