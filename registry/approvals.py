"""Verdicts in the ledger: the record that an approval is, whatever MLflow's tags say."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, Engine

from governance.ledger import Act, Ledger
from governance.people import Person, Role
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

    @classmethod
    def of(cls, act: Act) -> VersionKey:
        """Return the version that a line is about."""
        model, _, version = act.subject.rpartition("/")
        return cls(model, int(version), act.facts["created_ms"])


ACTIONS = {
    Verdict.APPROVED: "approval.approve",
    Verdict.REJECTED: "approval.reject",
    Verdict.REVOKED: "approval.revoke",
}
VERDICTS = {action: verdict for verdict, action in ACTIONS.items()}


def verdicts_on(connection: Connection, ledger: Ledger, key: VersionKey) -> list[Signature]:
    """Return what was said about a version, in order, as the transaction of `connection` sees it."""
    return _signatures(ledger.sealed_within(connection, *VERDICTS, subject=key.subject), key)


def read_verdicts(engine: Engine, key: VersionKey) -> list[Signature]:
    """Return what was said about a version, in order."""
    return _signatures(Ledger(engine).sealed(*VERDICTS, subject=key.subject), key)


def record_verdict(
    connection: Connection,
    ledger: Ledger,
    key: VersionKey,
    gesture: Gesture,
    *,
    by: Person,
    digest: str,
    expires: datetime,
) -> None:
    """Write a verdict into the ledger, inside one `exclusive` transaction.

    Parameters
    ----------
    expires
        Until when it holds, if it is an approval.
    """
    ledger.append_within(
        connection,
        by.name,
        ACTIONS[gesture.verdict],
        key.subject,
        digest=digest,
        created_ms=key.created_ms,
        reason=gesture.reason,
        role=by.role.value,
        expires=expires.isoformat() if gesture.verdict is Verdict.APPROVED else None,
    )


def approved_keys(engine: Engine) -> list[VersionKey]:
    """Return every version that somebody ever approved, the last approved last."""
    return _keys(Ledger(engine).sealed(ACTIONS[Verdict.APPROVED], newest_first=True))


def last_verdict(engine: Engine) -> int:
    """Return the number of the last verdict's line, 0 where there is none: cheap enough to ask twice a second."""
    return Ledger(engine).last(*VERDICTS)


def _signatures(acts: Iterable[Act], key: VersionKey) -> list[Signature]:
    return [signature_of(act) for act in acts if VersionKey.of(act) == key]


def signature_of(act: Act) -> Signature:
    """Return the verdict that a line holds."""
    facts = act.facts
    return Signature(
        verdict=VERDICTS[act.action],
        by=act.actor,
        reason=facts["reason"],
        clinical=facts["role"] == Role.CLINICAL_REVIEWER,
        digest=act.digest,
        at=datetime.fromisoformat(act.at),
        expires_at=datetime.fromisoformat(facts["expires"]) if facts["expires"] else None,
    )


def _keys(newest_first: Iterable[Act]) -> list[VersionKey]:
    return list(dict.fromkeys(VersionKey.of(act) for act in newest_first))[::-1]
