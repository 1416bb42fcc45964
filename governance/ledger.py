"""The hash-chained ledger: every act leaves a line, and no line can be changed without breaking the chain.

Each line's hash is SHA-256 over the line's fields and the previous line's hash, as a JSON array without white space,
so the whole file can be verified offline by anyone (Haber and Stornetta 1991, linked time-stamping). Each line is
sealed as well (`governance.seals`): what is decided by the ledger is decided by sealed lines alone.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Generator, Iterator, Mapping
from contextlib import closing
from dataclasses import asdict, dataclass
from typing import Any

from sqlalchemy import Connection, Engine, func, insert, select

from caregate.clock import Clock, system_clock
from caregate.errors import CaregateError
from governance import seals
from governance.database import exclusive
from governance.schema import acts

GENESIS = "0" * 64


class BrokenChain(CaregateError):
    """The ledger does not verify: a line was changed, removed, inserted or reordered."""

    exit_code = 1

    def __init__(self, seq: int, why: str) -> None:
        super().__init__(f"the ledger is broken at line {seq}: {why}")
        self.seq = seq


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

    def is_sealed(self, key: bytes) -> bool:
        """Tell whether the line says what was sealed with `key`."""
        return self.hash == _link(asdict(self)) and seals.holds(key, self.hash, self.seal)


_ENCODER = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
_LINKED = ("seq", "at", "actor", "action", "subject", "digest", "detail", "previous")
"""The fields that a line's hash covers, in order."""


def canonical_json(value: object) -> str:
    """Return the one JSON text of `value`: sorted keys, no white space, no NaN."""
    return _ENCODER.encode(value)


def digest_of(value: object) -> str:
    """Return ``sha256:…`` of the canonical JSON of `value`."""
    return "sha256:" + hashlib.sha256(canonical_json(value).encode()).hexdigest()


def _link(fields: Mapping[str, Any]) -> str:
    return hashlib.sha256(canonical_json([fields[name] for name in _LINKED]).encode()).hexdigest()


class Ledger:
    """Appends acts to the chain and reads them back."""

    def __init__(self, engine: Engine, clock: Clock = system_clock) -> None:
        self._engine = engine
        self._clock = clock

    def append(self, actor: str, action: str, subject: str, *, digest: str = "", **detail: Any) -> Act:
        """Append one act and return it as it stands in the chain."""
        with exclusive(self._engine) as connection:
            return self.append_within(connection, actor, action, subject, digest=digest, **detail)

    def append_within(
        self, connection: Connection, actor: str, action: str, subject: str, *, digest: str = "", **detail: Any
    ) -> Act:
        """Append one act inside the transaction of `connection`, which `exclusive` has to have opened.

        Raises
        ------
        governance.seals.SealKeyMissing
            If the database was opened without the home's key.
        """
        key = seals.required_key(self._engine)
        last = connection.execute(select(acts.c.seq, acts.c.hash).order_by(acts.c.seq.desc()).limit(1)).one_or_none()
        fields: dict[str, Any] = {
            "seq": last.seq + 1 if last else 1,
            "at": self._clock().isoformat(timespec="microseconds"),
            "actor": actor,
            "action": action,
            "subject": subject,
            "digest": digest,
            "detail": canonical_json(detail),
            "previous": last.hash if last else GENESIS,
        }
        linked = _link(fields)
        act = Act(**fields, hash=linked, seal=seals.seal(key, linked))
        connection.execute(insert(acts).values(asdict(act)))
        return act

    def append_once(self, actor: str, action: str, subject: str, *, digest: str = "", **detail: Any) -> bool:
        """Append the act unless the same action on the same subject and digest stands already."""
        with exclusive(self._engine) as connection:
            same = (acts.c.action == action) & (acts.c.subject == subject) & (acts.c.digest == digest)
            if connection.execute(select(acts.c.seq).where(same).limit(1)).first():
                return False
            self.append_within(connection, actor, action, subject, digest=digest, **detail)
            return True

    def read(self, *, action: str | None = None, subject: str | None = None) -> Generator[Act]:
        """Yield acts in order as they lie there, those of one action or subject where asked for."""
        query = select(acts).order_by(acts.c.seq)
        if action:
            query = query.where(acts.c.action == action)
        if subject:
            query = query.where(acts.c.subject == subject)
        with self._engine.connect() as connection:
            streaming = connection.execution_options(yield_per=10_000)
            with streaming.execute(query) as result:
                for row in result.mappings():
                    yield Act(**row)

    def sealed(self, *actions: str, subject: str | None = None, newest_first: bool = False) -> Iterator[Act]:
        """Yield the acts of these kinds whose seal is true: all that a decision may rest on.

        Raises
        ------
        governance.seals.SealKeyMissing
            If the database was opened without the home's key.
        """
        with self._engine.connect() as connection:
            yield from self.sealed_within(connection, *actions, subject=subject, newest_first=newest_first)

    def sealed_within(
        self, connection: Connection, *actions: str, subject: str | None = None, newest_first: bool = False
    ) -> Iterator[Act]:
        """Yield what `sealed` does, as the transaction of `connection` sees it."""
        key = seals.required_key(self._engine)
        query = select(acts).where(acts.c.action.in_(actions))
        if subject is not None:
            query = query.where(acts.c.subject == subject)
        query = query.order_by(acts.c.seq.desc() if newest_first else acts.c.seq)
        found = (Act(**row) for row in connection.execute(query).mappings())
        yield from (act for act in found if act.is_sealed(key))

    def last(self, *actions: str) -> int:
        """Return the number of the last line of these kinds, 0 where there is none: cheap to ask."""
        query = select(func.max(acts.c.seq)).where(acts.c.action.in_(actions))
        with self._engine.connect() as connection:
            return connection.scalar(query) or 0

    def verify(self) -> int:
        """Walk the chain and return its length; with the home's key, each line's seal is looked at as well.

        Raises
        ------
        BrokenChain
            At the first line that does not follow from the one before it.
        """
        with closing(self.read()) as lines:
            return verify_chain(lines, seals.key_of(self._engine))


def verify_chain(lines: Iterator[Act], key: bytes | None = None) -> int:
    """Return the length of the chain `lines`, which may come from an export.

    Parameters
    ----------
    lines
        In order.
    key
        Of the home that sealed them; without it seals are not looked at.

    Raises
    ------
    BrokenChain
        At the first line whose number, link, hash or seal does not hold.
    """
    previous, length = GENESIS, 0
    for act in lines:
        if act.seq != length + 1:
            raise BrokenChain(length + 1, f"line {act.seq} stands in its place")
        if act.previous != previous:
            raise BrokenChain(act.seq, "it does not link to the line before it")
        if act.hash != _link(asdict(act)):
            raise BrokenChain(act.seq, "its content does not match its hash")
        if key is not None and not seals.holds(key, act.hash, act.seal):
            raise BrokenChain(act.seq, "its seal is not this home's")
        previous, length = act.hash, act.seq
    return length
