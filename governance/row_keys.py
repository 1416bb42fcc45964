"""Keys of the rows held back: each row is sealed under a key of its own, so destroying the key destroys the row.

A published snapshot never changes, so what is sealed in it cannot be taken out. Its key can: it stands in the
governance database alone, itself sealed under the home's key, and once it is gone nothing opens the row anywhere.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from sqlalchemy import Connection, insert, select, update

from caregate.clock import Clock, system_clock
from caregate.errors import CaregateError, Refused
from governance.database import exclusive
from governance.schema import quarantine
from governance.vault import NONCE, SealBroken, Vault, chunks

KEY_BYTES, NAME_BYTES = 32, 12


class RowDiscarded(Refused):
    """The row's key was destroyed; its content is gone for good."""

    def __init__(self) -> None:
        super().__init__("the row was discarded, so its content is gone for good: ingest a corrected file instead")


class RowUnknown(CaregateError):
    """The ledger does not know the key that a row was sealed under."""

    def __init__(self) -> None:
        super().__init__(
            "this ledger does not know the keys of the snapshot's quarantine: restore the ledger that was in use when "
            "it was published, or move the snapshot's folder aside and ingest its source again"
        )


@dataclass(frozen=True, slots=True)
class RowKey:
    """The key of one row's content.

    Attributes
    ----------
    name
        Drawn at random; stands in the snapshot beside what is sealed.
    since
        When the row was first held back.
    secret
        None once it was destroyed.
    """

    name: str
    since: datetime
    secret: bytes | None = field(repr=False)

    def seal(self, label: str, content: bytes) -> bytes | None:
        """Return `content` sealed and bound to `label`, or None where the key was destroyed."""
        if self.secret is None:
            return None
        nonce = secrets.token_bytes(NONCE)
        return nonce + AESGCM(self.secret).encrypt(nonce, content, label.encode())

    def unseal(self, label: str, sealed: bytes | None) -> bytes:
        """Return what was sealed under `label`.

        Raises
        ------
        RowDiscarded
            If the key was destroyed.
        SealBroken
            If the label is another, or the bytes were changed.
        """
        if self.secret is None or sealed is None:
            raise RowDiscarded
        try:
            return AESGCM(self.secret).decrypt(sealed[:NONCE], sealed[NONCE:], label.encode())
        except (InvalidTag, ValueError):
            raise SealBroken from None


class RowKeys:
    """Draws and finds the keys of rows; the same content has one key, however often and wherever it is held back."""

    def __init__(self, vault: Vault, clock: Clock = system_clock) -> None:
        self._vault = vault
        self._clock = clock

    def draw(self, marks: Iterable[str]) -> dict[str, RowKey]:
        """Return the key of each content by its mark (`Vault.mark`), drawing one for each that has none yet."""
        wanted = list(dict.fromkeys(marks))
        if not wanted:
            return {}
        with exclusive(self._vault.engine) as connection:
            known = {row.mark: self._key(row) for row in _look_up(connection, "mark", wanted)}
            fresh = [mark for mark in wanted if mark not in known]
            drawn = {mark: RowKey(_name(), self._clock(), secrets.token_bytes(KEY_BYTES)) for mark in fresh}
            self._store(connection, drawn)
        return known | drawn

    def find(self, name: str) -> RowKey:
        """Return the key called `name`.

        Raises
        ------
        RowUnknown
            If this ledger does not know it.
        """
        with self._vault.engine.connect() as connection:
            row = next(_look_up(connection, "row", [name]), None)
        if row is None:
            raise RowUnknown
        return self._key(row)

    def _store(self, connection: Connection, drawn: dict[str, RowKey]) -> None:
        rows = [
            {
                "row": key.name,
                "mark": mark,
                "key": self._vault.seal(_label(key.name), key.secret or b""),
                "since": key.since,
            }
            for mark, key in drawn.items()
        ]
        if rows:
            connection.execute(insert(quarantine), rows)

    def _key(self, row: Any) -> RowKey:
        secret = None if row.key is None else self._vault.unseal(_label(row.row), bytes(row.key))
        return RowKey(row.row, row.since if row.since.tzinfo else row.since.replace(tzinfo=UTC), secret)


def destroy(connection: Connection, name: str) -> bool:
    """Destroy the key called `name` inside the transaction of `connection`; return whether it stood until now."""
    if connection.dialect.name == "sqlite":
        connection.exec_driver_sql("PRAGMA secure_delete = ON")  # else its bytes stay in the page's free space
    standing = (quarantine.c.row == name) & quarantine.c.key.is_not(None)
    return bool(connection.execute(update(quarantine).where(standing).values(key=None)).rowcount)


def _look_up(connection: Connection, column: str, values: Sequence[str]) -> Iterator[Any]:
    for chunk in chunks(values):
        yield from connection.execute(select(quarantine).where(quarantine.c[column].in_(chunk)))


def _name() -> str:
    return secrets.token_urlsafe(NAME_BYTES)


def _label(name: str) -> str:
    return f"quarantine-key/{name}"
