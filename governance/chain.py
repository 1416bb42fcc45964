"""What a line of the ledger is, and what makes a row of lines a chain.

Each line's hash is SHA-256 over the line's fields and the previous line's hash, as a JSON array without white space,
so the whole file can be verified offline by anyone (Haber and Stornetta 1991, linked time-stamping). Each line is
sealed as well (`governance.seals`): what is decided by the ledger is decided by sealed lines alone.
"""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Callable, Generator, Iterable, Sequence
from dataclasses import dataclass
from hashlib import sha256
from json.encoder import encode_basestring
from typing import Any, NamedTuple

from caregate.clock import Clock
from caregate.errors import BadInput, CaregateError
from governance import seals

GENESIS = "0" * 64
MOST_CHARACTERS = {"actor": 200, "action": 100, "subject": 500, "digest": 71, "detail": 1_000_000}
"""What a line's fields may hold: SQLite keeps no such limit by itself."""

_ENCODER = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
_quoted: Callable[[str], str] = encode_basestring


class BrokenChain(CaregateError):
    """The ledger does not verify: a line was changed, removed, inserted or reordered."""

    exit_code = 1

    def __init__(self, seq: int, why: str) -> None:
        super().__init__(f"the ledger is broken at line {seq}: {why}")
        self.seq = seq


class ForeignLine(BrokenChain):
    """A line follows from the one before, and this home did not write it: it counts for nothing, and hides nothing."""

    def __init__(self, seq: int) -> None:
        super().__init__(seq, "its seal is not this home's")


class UnfitAct(BadInput):
    """An act holds what no ledger can keep; nothing was written."""

    def __init__(self, field: str, why: str) -> None:
        super().__init__(f"the act cannot be written to the ledger: its {field} {why}")


class Link(NamedTuple):
    """A line as the next one sees it."""

    seq: int
    hash: str


START = Link(0, GENESIS)
"""Before the first line."""


@dataclass(frozen=True, slots=True)
class Act:
    """One line of the ledger.

    Attributes
    ----------
    seq
        Position in the chain, from 1, without gaps.
    at
        Moment of the act, ISO 8601 in UTC.
    actor, action, subject
        Who did what (``noun.verb``) to which thing.
    digest
        Content digest (``sha256:…``) of what the act was about, empty where there is none.
    detail
        Further facts as canonical JSON; never a value of a patient's record.
    previous, hash
        The chain's link.
    seal
        Shows that the line was written by the home, not into its database.
    """

    seq: int
    at: str
    actor: str
    action: str
    subject: str
    digest: str
    detail: str
    previous: str
    hash: str
    seal: str

    @property
    def facts(self) -> dict[str, Any]:
        """The further facts, read."""
        facts: dict[str, Any] = json.loads(self.detail)
        return facts

    @property
    def row(self) -> tuple[int, str, str, str, str, str, str, str, str, str]:
        """The fields, in order."""
        return (
            self.seq,
            self.at,
            self.actor,
            self.action,
            self.subject,
            self.digest,
            self.detail,
            self.previous,
            self.hash,
            self.seal,
        )

    def is_sealed(self, key: bytes) -> bool:
        """Tell whether the line says what was sealed with `key`."""
        return row_is_sealed(self.row, key)


@dataclass(frozen=True, slots=True)
class Draft:
    """An act that has no place in the chain yet."""

    actor: str
    action: str
    subject: str
    digest: str
    detail: str

    def follow(self, last: Link, clock: Clock, key: bytes) -> Act:
        """Return the line that it becomes after `last`, sealed with `key`."""
        fields = (
            last.seq + 1,
            clock().isoformat(timespec="microseconds"),
            self.actor,
            self.action,
            self.subject,
            self.digest,
            self.detail,
            last.hash,
        )
        linked = line_hash(*fields)
        return Act(*fields, hash=linked, seal=seals.seal(key, linked))


def draft(actor: str, action: str, subject: str, digest: str, facts: dict[str, Any]) -> Draft:
    """Return an act that both databases keep as it is.

    Raises
    ------
    UnfitAct
        If a field is too long, or holds NUL or half of a surrogate pair.
    """
    detail = canonical_json(facts)
    fields = {"actor": actor, "action": action, "subject": subject, "digest": digest, "detail": detail}
    for name, value in fields.items():
        if len(value) > MOST_CHARACTERS[name]:
            raise UnfitAct(name, f"is longer than {MOST_CHARACTERS[name]:,} characters")
        if "\0" in value:
            raise UnfitAct(name, "holds the character NUL")
        if not value.isascii() and any("\ud800" <= character <= "\udfff" for character in value):
            raise UnfitAct(name, "holds half of a surrogate pair")
    return Draft(**fields)


def canonical_json(value: object) -> str:
    """Return the one JSON text of `value`: sorted keys, no white space, no NaN."""
    return _ENCODER.encode(value)


def digest_of(value: object) -> str:
    """Return ``sha256:…`` of the canonical JSON of `value`."""
    return "sha256:" + sha256(canonical_json(value).encode()).hexdigest()


def line_hash(seq: int, at: str, actor: str, action: str, subject: str, digest: str, detail: str, previous: str) -> str:
    """Return SHA-256 of the canonical JSON of the array of these fields.

    Raises
    ------
    TypeError, UnicodeEncodeError
        If a field is no text.
    """
    text = (
        f"[{seq},{_quoted(at)},{_quoted(actor)},{_quoted(action)},{_quoted(subject)},"
        f"{_quoted(digest)},{_quoted(detail)},{_quoted(previous)}]"
    )
    return sha256(text.encode()).hexdigest()


def row_is_sealed(row: Sequence[Any], key: bytes) -> bool:
    """Tell whether a line, its fields in the order of `Act.row`, says what was sealed with `key`."""
    return bool(row[8] == _hash_of(*row[:8]) and seals.holds(key, row[8], row[9]))


def _hash_of(*fields: Any) -> str | None:
    try:
        return line_hash(*fields)
    except (TypeError, UnicodeEncodeError):
        return None  # put there by SQL: no line of ours holds it


def walk(rows: Iterable[tuple[Any, ...]], key: bytes | None = None, start: Link = START) -> Generator[Link]:
    """Yield the link of each row that follows from the one before it.

    Parameters
    ----------
    rows
        Fields of lines as `Act.row` has them, in order.
    key
        Of the home that sealed them; without it seals are not looked at.
    start
        The line before the first row.

    Raises
    ------
    BrokenChain
        At the first row whose number, link, hash or seal does not hold.
    """
    last, previous = start
    for row in rows:
        seq, found = row[0], row[8]
        if seq != last + 1:
            raise BrokenChain(last + 1, f"line {seq} stands in its place")
        if row[7] != previous:
            raise BrokenChain(seq, "it does not link to the line before it")
        if found != _hash_of(*row[:8]):
            raise BrokenChain(seq, "its content does not match its hash")
        if key is not None and not seals.holds(key, found, row[9]):
            raise ForeignLine(seq)
        last, previous = seq, found
        yield Link(seq, found)


def verify_chain(lines: Iterable[Act], key: bytes | None = None) -> int:
    """Return the length of the chain `lines`, which may come from an export.

    Raises
    ------
    BrokenChain
        At the first line whose number, link, hash or, with the home's `key`, seal does not hold.
    """
    return end_of(walk((act.row for act in lines), key)).seq


def end_of(links: Iterable[Link], start: Link = START) -> Link:
    """Return the last of `links`, `start` where there is none."""
    newest = deque(links, maxlen=1)
    return newest[0] if newest else start
