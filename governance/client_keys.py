"""Keys of clients of the scoring API: issued, replaced and revoked by lines of the ledger."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Engine

from caregate.clock import Clock, system_clock
from caregate.errors import BadInput, NotFound
from governance.client_key import (
    ACTS,
    ISSUED,
    REVOKED,
    ClientKey,
    Scope,
    UnknownScope,
    client_keys_in,
    digest_of_key,
    new_key,
)
from governance.database import exclusive
from governance.ledger import Ledger
from governance.people import ADDED, DISABLED, Role

__all__ = ["ClientKey", "ClientKeys", "Issued", "NotAClient", "Scope", "UnfitTerms", "UnknownKey", "UnknownScope"]

KEY_DAYS, MOST_DAYS = 365, 3660
"""Default life of a key, and the longest."""
OVERLAP_HOURS = 24.0
"""How long a key stands beside the one that takes its place, so that a client can change over."""


class NotAClient(BadInput):
    """Keys are for accounts with the role ``crm`` that are not disabled."""

    def __init__(self) -> None:
        super().__init__("no client has this name: `caregate users add NAME --role crm` makes one")


class UnfitTerms(BadInput):
    """The life, the rate or the overlap of a key is none that a key can have."""

    def __init__(self) -> None:
        super().__init__(
            f"a key lives for 1 to {MOST_DAYS} days, asks at a rate above 0 and overlaps for 0 to {24 * 90} hours"
        )


class UnknownKey(NotFound):
    """No key that stands has this id."""

    def __init__(self) -> None:
        super().__init__("no key that stands has this id: see `caregate keys list`")


@dataclass(frozen=True, slots=True)
class Issued:
    """A new key; `secret` is shown once and kept nowhere."""

    key_id: str
    client: str
    secret: str


class ClientKeys:
    """The keys of a home's clients.

    Parameters
    ----------
    engine
        The governance database, opened with the home's key.
    clock
        Tells the moment of an act.
    """

    def __init__(self, engine: Engine, clock: Clock = system_clock) -> None:
        self._engine = engine
        self._clock = clock
        self._ledger = Ledger(engine, clock)

    def issue(
        self,
        client: str,
        scopes: Collection[Scope] = tuple(Scope),
        *,
        by: str,
        days: float = KEY_DAYS,
        rate_per_second: float | None = None,
    ) -> str:
        """Issue one more key to `client` and return it; it can be seen this once.

        Raises
        ------
        NotAClient
            If no account that stands has this name and the role ``crm``.
        UnfitTerms, UnknownScope
            If the key would never stand, never end or open nothing.
        """
        return self.issue_named(client, scopes, by=by, days=days, rate_per_second=rate_per_second).secret

    def issue_named(
        self,
        client: str,
        scopes: Collection[Scope] = tuple(Scope),
        *,
        by: str,
        days: float = KEY_DAYS,
        rate_per_second: float | None = None,
    ) -> Issued:
        """Do what `issue` does, and return the key with its id."""
        if not scopes:
            raise UnknownScope
        if not 0 < days <= MOST_DAYS or (rate_per_second is not None and not 0 < rate_per_second < 1e9):
            raise UnfitTerms
        with exclusive(self._engine) as connection:
            self._require_client(connection, client)
            return self._write(connection, client, scopes, days=days, rate_per_second=rate_per_second, by=by)

    def rotate(self, key_id: str, *, by: str, overlap_hours: float = OVERLAP_HOURS) -> Issued:
        """Issue a key with the terms of another, which stands `overlap_hours` longer and then ends.

        Raises
        ------
        UnknownKey
            If the other does not stand.
        UnfitTerms
            If the overlap is negative or longer than ninety days.
        """
        if not 0 <= overlap_hours <= 24 * 90:
            raise UnfitTerms
        with exclusive(self._engine) as connection:
            old = self._standing(connection, key_id)
            days = (old.expires_at - old.issued_at) / timedelta(days=1)
            terms: dict[str, Any] = {"days": days, "rate_per_second": old.rate_per_second, "by": by}
            new = self._write(connection, old.client, old.scopes, **terms)
            self._end(connection, old, self._clock() + timedelta(hours=overlap_hours), by=by, replaced_by=new.key_id)
        return new

    def revoke(self, key_id: str, *, by: str) -> None:
        """End a key now.

        Raises
        ------
        UnknownKey
            If no key of this id stands.
        """
        with exclusive(self._engine) as connection:
            self._end(connection, self._standing(connection, key_id), self._clock(), by=by)

    def all(self) -> list[ClientKey]:
        """Return every key that was ever issued, in that order."""
        return client_keys_in(self._ledger.sealed(*ACTS))

    def _standing(self, connection: Connection, key_id: str) -> ClientKey:
        now = self._clock()
        found = client_keys_in(self._ledger.sealed_within(connection, *ACTS))
        key = next((key for key in found if key.key_id == key_id and key.stands(now)), None)
        if key is None:
            raise UnknownKey
        return key

    def _require_client(self, connection: Connection, name: str) -> None:
        lines = list(self._ledger.sealed_within(connection, ADDED, DISABLED, subject=name))
        if [act.action for act in lines] != [ADDED] or lines[0].facts["role"] != Role.CRM:
            raise NotAClient

    def _write(
        self,
        connection: Connection,
        client: str,
        scopes: Collection[Scope],
        *,
        days: float,
        rate_per_second: float | None,
        by: str,
    ) -> Issued:
        key_id, secret = new_key()
        expires = self._clock() + timedelta(days=days)
        facts = {"key_id": key_id, "scopes": sorted(scopes), "expires": expires.isoformat(), "rate": rate_per_second}
        self._ledger.append_within(connection, by, ISSUED, client, digest=digest_of_key(secret), **facts)
        return Issued(key_id, client, secret)

    def _end(self, connection: Connection, key: ClientKey, at: datetime, *, by: str, replaced_by: str = "") -> None:
        facts = {"key_id": key.key_id, "ends": at.isoformat(), "replaced_by": replaced_by}
        self._ledger.append_within(connection, by, REVOKED, key.client, digest=key.digest, **facts)
