"""Anchors: what an auditor knows of the chain, so that lines cut off its end or written anew are found.

A chain that is cut short, or re-hashed by somebody who holds the home's key, is a chain. It no longer holds the line
that an anchor names (Haber and Stornetta 1991: the link is published where its keeper cannot reach it).
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path

from caregate.clock import Clock
from caregate.errors import BadInput
from governance import seals
from governance.chain import START, BrokenChain, Link, canonical_json

MOST_BYTES = 1_000
"""A line of a file of anchors is shorter; what is longer is none."""


class UnfitAnchors(BadInput):
    """A file of anchors cannot be read as one."""

    def __init__(self, path: Path, why: str) -> None:
        super().__init__(f"{path.name} holds no anchors of a ledger: {why}")


class LinesCutOff(BrokenChain):
    """The chain ends before a line that an anchor knows."""

    def __init__(self, ends: int, anchor: Anchor) -> None:
        super().__init__(
            ends + 1,
            f"the ledger ends at line {ends}, the anchor of {anchor.at[:10]} knows line {anchor.seq}: "
            "lines were cut off",
        )


class LinesRewritten(BrokenChain):
    """Another line stands where an anchor knows one."""

    def __init__(self, anchor: Anchor) -> None:
        super().__init__(
            anchor.seq,
            f"the anchor of {anchor.at[:10]} knows another line there: the lines up to it were written anew",
        )


class AnotherLedger(BrokenChain):
    """The chain begins with another line than the one that an anchor belongs to."""

    def __init__(self, anchor: Anchor) -> None:
        super().__init__(
            1,
            f"the anchor of {anchor.at[:10]} belongs to a ledger that begins otherwise: it is another home's, "
            "or this ledger was written anew from its first line",
        )


@dataclass(frozen=True, slots=True)
class Anchor:
    """One line of the chain, remembered.

    Attributes
    ----------
    home
        Hash of the chain's first line, which names the home's ledger.
    seq, hash
        The line.
    at
        When it was remembered, ISO 8601 in UTC.
    seal
        By the home's key, over all of this.
    """

    home: str
    seq: int
    hash: str
    at: str
    seal: str

    @property
    def link(self) -> Link:
        """The line, as the next one sees it."""
        return Link(self.seq, self.hash)

    @property
    def text(self) -> str:
        """As one line of a file."""
        return canonical_json(asdict(self))

    def is_sealed(self, key: bytes) -> bool:
        """Tell whether the home of `key` made it."""
        return seals.holds(key, _sealed_text(self.home, self.link, self.at), self.seal)


def make_anchor(home: str, link: Link, clock: Clock, key: bytes) -> Anchor:
    """Return the anchor of a line, sealed."""
    at = clock().isoformat(timespec="seconds")
    return Anchor(home, link.seq, link.hash, at, seals.seal(key, _sealed_text(home, link, at)))


def _sealed_text(home: str, link: Link, at: str) -> str:
    return canonical_json(["anchor", home, link.seq, link.hash, at])  # never the text of a line's seal, a bare hash


def read_anchors(path: Path) -> list[Anchor]:
    """Read a file of anchors, one a line.

    Raises
    ------
    UnfitAnchors
        If it cannot be read, holds none, or a line is none.
    """
    try:
        lines = path.read_bytes().splitlines()
    except OSError as error:
        raise UnfitAnchors(path, f"it cannot be read ({type(error).__name__})") from None
    if not lines:
        raise UnfitAnchors(path, "it is empty")
    return [parse_anchor(path, number, line) for number, line in enumerate(lines, 1)]


def parse_anchor(path: Path, number: int, line: bytes) -> Anchor:
    """Return the anchor that a line of a file holds.

    Raises
    ------
    UnfitAnchors
        If it holds none.
    """
    try:
        found = json.loads(line) if len(line) <= MOST_BYTES else None
        anchor = Anchor(**found) if isinstance(found, dict) else None
    except (ValueError, TypeError):
        anchor = None
    texts = [getattr(anchor, item.name) for item in fields(Anchor) if item.name != "seq"] if anchor else []
    if anchor is None or type(anchor.seq) is not int or anchor.seq < 1 or not all(type(t) is str for t in texts):
        raise UnfitAnchors(path, f"line {number} is not an anchor as `caregate audit anchor` writes it")
    return anchor


def hold(links: Iterable[Link], anchors: Sequence[Anchor]) -> Link:
    """Walk a chain against anchors and return its last link.

    Raises
    ------
    governance.chain.BrokenChain
        At the first line that does not hold, be it by itself (from `links`) or against an anchor.
    """
    known: dict[int, list[Anchor]] = {}
    for anchor in anchors:
        known.setdefault(anchor.seq, []).append(anchor)
    link = START
    for link in links:
        if link.seq == 1:
            _require_beginning(link, anchors)
        if link.seq in known:
            for anchor in known[link.seq]:
                if anchor.hash != link.hash:
                    raise LinesRewritten(anchor)
    beyond = [anchor for anchor in anchors if anchor.seq > link.seq]
    if beyond:
        raise LinesCutOff(link.seq, min(beyond, key=lambda anchor: anchor.seq))
    return link


def _require_beginning(first: Link, anchors: Sequence[Anchor]) -> None:
    for anchor in anchors:
        if anchor.home != first.hash:
            raise AnotherLedger(anchor)
