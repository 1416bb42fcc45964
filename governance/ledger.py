"""The hash-chained ledger: every act leaves a line, and no line can be changed without breaking the chain.

Each line's hash is SHA-256 over the previous line's hash and the line's own fields in canonical JSON (sorted keys, no
white space), so the whole file can be verified offline by anyone (Haber and Stornetta 1991, linked time-stamping).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from sqlalchemy import Connection, Engine, insert, select

from caregate.clock import Clock, system_clock
from caregate.errors import CaregateError
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


def canonical_json(value: object) -> str:
    """Return the one JSON text of `value`: sorted keys, no white space, no NaN."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def digest_of(value: object) -> str:
    """Return ``sha256:…`` of the canonical JSON of `value`."""
    return "sha256:" + hashlib.sha256(canonical_json(value).encode()).hexdigest()


def _link(fields: Mapping[str, Any]) -> str:
    sealed = {key: value for key, value in fields.items() if key != "hash"}
    return hashlib.sha256(canonical_json(sealed).encode()).hexdigest()


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
        """Append one act inside the transaction of `connection`, which `exclusive` has to have opened."""
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
        act = Act(**fields, hash=_link(fields))
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

    def read(self, *, action: str | None = None, subject: str | None = None) -> Iterator[Act]:
        """Yield acts in order, those of one action or subject where asked for."""
        query = select(acts).order_by(acts.c.seq)
        if action:
            query = query.where(acts.c.action == action)
        if subject:
            query = query.where(acts.c.subject == subject)
        with self._engine.connect() as connection:
            for row in connection.execution_options(yield_per=10_000).execute(query).mappings():
                yield Act(**row)

    def verify(self) -> int:
        """Walk the chain and return its length.

        Raises
        ------
        BrokenChain
            At the first line that does not follow from the one before it.
        """
        return verify_chain(self.read())


def verify_chain(lines: Iterator[Act]) -> int:
    """Return the length of the chain `lines`, which may come from an export.

    Raises
    ------
    BrokenChain
        At the first line whose number, link or hash does not hold.
    """
    previous, length = GENESIS, 0
    for act in lines:
        if act.seq != length + 1:
            raise BrokenChain(length + 1, f"line {act.seq} stands in its place")
        if act.previous != previous:
            raise BrokenChain(act.seq, "it does not link to the line before it")
        if act.hash != _link(asdict(act)):
            raise BrokenChain(act.seq, "its content does not match its hash")
        previous, length = act.hash, act.seq
    return length
