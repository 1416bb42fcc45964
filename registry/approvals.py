"""Verdicts in the governance database: the record that an approval is, whatever MLflow's tags say."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy import ColumnElement, Connection, Engine, insert, select

from governance.ledger import Ledger
from governance.people import Role
from governance.schema import approvals, users
from registry.policy import Gesture, Signature, Verdict


@dataclass(frozen=True, slots=True)
class VersionKey:
    """A version beyond doubt: deleted and made again, a number comes back, but not the moment of creation."""

    model: str
    version: int
    created_ms: int

    @property
    def subject(self) -> str:
        """The version as the ledger names it."""
        return f"{self.model}/{self.version}"


ACTIONS = {
    Verdict.APPROVED: "approval.approve",
    Verdict.REJECTED: "approval.reject",
    Verdict.REVOKED: "approval.revoke",
}


def verdicts_on(connection: Connection, key: VersionKey) -> list[Signature]:
    """Return what was said about a version, in order."""
    query = (
        select(approvals, users.c.role)
        .join(users, users.c.name == approvals.c.by, isouter=True)
        .where(approvals.c.model == key.model, approvals.c.version == key.version)
        .where(approvals.c.version_created_ms == key.created_ms)
        .order_by(approvals.c.seq)
    )
    return [
        Signature(
            verdict=Verdict(row.verdict),
            by=row.by,
            reason=row.reason,
            clinical=row.role == Role.CLINICAL_REVIEWER.value,
            digest=row.digest,
            at=_aware(row.at),
            expires_at=_aware(row.expires_at) if row.expires_at else None,
        )
        for row in connection.execute(query)
    ]


def read_verdicts(engine: Engine, key: VersionKey) -> list[Signature]:
    """Return what was said about a version, in order."""
    with engine.connect() as connection:
        return verdicts_on(connection, key)


def record_verdict(
    connection: Connection,
    ledger: Ledger,
    key: VersionKey,
    gesture: Gesture,
    *,
    by: str,
    digest: str,
    at: datetime,
    expires: datetime,
) -> None:
    """Write a verdict and its line in the ledger, inside one `exclusive` transaction.

    Parameters
    ----------
    expires
        Until when it holds, if it is an approval.
    """
    until = expires if gesture.verdict is Verdict.APPROVED else None
    row = {
        "model": key.model,
        "version": key.version,
        "version_created_ms": key.created_ms,
        "digest": digest,
        "verdict": gesture.verdict.value,
        "reason": gesture.reason,
        "by": by,
        "at": at,
        "expires_at": until,
    }
    connection.execute(insert(approvals).values(row))
    ledger.append_within(
        connection,
        by,
        ACTIONS[gesture.verdict],
        key.subject,
        digest=digest,
        reason=gesture.reason,
        expires=until.isoformat() if until else None,
    )


def approved_keys(engine: Engine) -> list[VersionKey]:
    """Return every version that somebody ever approved, the last approved last."""
    return _keys(engine, approvals.c.verdict == Verdict.APPROVED.value)


def keys_with_verdicts(engine: Engine) -> list[VersionKey]:
    """Return every version that somebody ever judged, the last judged last."""
    return _keys(engine, approvals.c.seq > 0)


def _keys(engine: Engine, which: ColumnElement[bool]) -> list[VersionKey]:
    columns = (approvals.c.model, approvals.c.version, approvals.c.version_created_ms)
    with engine.connect() as connection:
        found = [
            VersionKey(*row) for row in connection.execute(select(*columns).where(which).order_by(approvals.c.seq))
        ]
    return list(dict.fromkeys(reversed(found)))[::-1]


def last_verdict(engine: Engine) -> int:
    """Return the number of the last verdict, 0 where there is none: cheap enough to ask twice a second."""
    with engine.connect() as connection:
        row = connection.execute(select(approvals.c.seq).order_by(approvals.c.seq.desc()).limit(1)).first()
    return row.seq if row else 0


def _aware(moment: datetime) -> datetime:
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
