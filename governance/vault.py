"""The token vault: identifiers go in at the door, random tokens come out.

A token is drawn at random and never derived from the identifier, so it cannot be computed from one (45 CFR 164.514(c)).
The identifier itself is kept sealed with AES-SIV (RFC 5297): deterministic, so that it can be looked up without being
read, and authenticated, so that a row moved to another namespace does not open.
"""

from __future__ import annotations

import base64
import hmac
import secrets
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TypeVar

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM, AESSIV
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from sqlalchemy import Connection, Engine, insert, select

from caregate.errors import CaregateError
from caregate.secret_store import read_secrets
from caregate.settings import Settings
from governance.database import exclusive, ledger_database
from governance.schema import vault

Item = TypeVar("Item")
LOOKUP = 10_000
"""Identifiers looked up in one statement; SQLite takes at most 32,766 parameters."""
NONCE = 12
TOKEN_BYTES, TOKEN_LENGTH = 12, 16
CACHE_KIB = 262_144
"""What SQLite may keep of the indexes while many tokens are stored."""


class SealBroken(CaregateError):
    """A sealed identifier or row does not open: the vault's key is another, or the bytes were changed."""

    def __init__(self) -> None:
        super().__init__("what the vault sealed does not open with this home's key: restore the key or the vault")


class Vault:
    """Exchanges identifiers for tokens and back.

    Parameters
    ----------
    engine
        The governance database.
    key
        64 bytes: the AES-SIV key of this home; the keys of seals and marks are derived from it (HKDF, RFC 5869).

    Attributes
    ----------
    engine
        The governance database.
    """

    def __init__(self, engine: Engine, key: bytes) -> None:
        self.engine = engine
        self._siv = AESSIV(key)
        self._rows = AESGCM(_derive(key, b"caregate sealed rows"))
        self._marks = _derive(key, b"caregate marks of rows")

    def tokens(self, namespace: str, identifiers: Iterable[str]) -> dict[str, str]:
        """Return the token of each identifier, drawing one for each that has none yet."""
        wanted = {self.sealed(namespace, identifier): identifier for identifier in identifiers}
        with exclusive(self.engine) as connection:
            known = self._look_up(connection, namespace, list(wanted))
            unknown = [sealed for sealed in wanted if sealed not in known]
            fresh = dict(zip(unknown, _draw(len(unknown)), strict=True))
            _store(connection, namespace, fresh)
        known.update(fresh)
        return {identifier: known[sealed] for sealed, identifier in wanted.items()}

    def known(self, namespace: str, identifiers: Iterable[str]) -> dict[str, str]:
        """Return the tokens of those identifiers that have one."""
        wanted = {self.sealed(namespace, identifier): identifier for identifier in identifiers}
        with self.engine.connect() as connection:
            found = self._look_up(connection, namespace, list(wanted))
        return {wanted[sealed]: token for sealed, token in found.items()}

    def identifiers(self, tokens: Sequence[str]) -> dict[str, str]:
        """Return the identifier behind each token that this vault drew."""
        found: dict[str, str] = {}
        with self.engine.connect() as connection:
            for chunk in chunks(tokens):
                for row in connection.execute(select(vault).where(vault.c.token.in_(chunk))):
                    found[row.token] = self._open(row.namespace, row.sealed)
        return found

    def seal(self, label: str, content: bytes) -> bytes:
        """Return `content` encrypted under a key of its own and bound to `label`; equal contents seal differently."""
        nonce = secrets.token_bytes(NONCE)
        return nonce + self._rows.encrypt(nonce, content, label.encode())

    def unseal(self, label: str, sealed: bytes) -> bytes:
        """Return what was sealed under `label`.

        Raises
        ------
        SealBroken
            If the key or the label is another, or the bytes were changed.
        """
        try:
            return self._rows.decrypt(sealed[:NONCE], sealed[NONCE:], label.encode())
        except (InvalidTag, ValueError):
            raise SealBroken from None

    def mark(self, label: str, content: bytes) -> str:
        """Return by what `content` is known again under `label`: HMAC-SHA-256 under the home's key, 64 hex digits.

        For rows that have to be recognised after their content is gone; never a token, and never written outside of
        the governance database.
        """
        place = label.encode()
        return hmac.digest(self._marks, len(place).to_bytes(4, "big") + place + content, "sha256").hex()

    def sealed(self, namespace: str, identifier: str) -> bytes:
        """Return `identifier` as the table keeps it: the same bytes each time, which only this home's key opens."""
        return self._siv.encrypt(identifier.encode(), [namespace.encode()])

    def _open(self, namespace: str, sealed: bytes) -> str:
        try:
            return self._siv.decrypt(sealed, [namespace.encode()]).decode()
        except InvalidTag:
            raise SealBroken from None

    @staticmethod
    def _look_up(connection: Connection, namespace: str, sealed: Sequence[bytes]) -> dict[bytes, str]:
        found: dict[bytes, str] = {}
        if not connection.execute(select(vault.c.token).where(vault.c.namespace == namespace).limit(1)).first():
            return found
        for chunk in chunks(sealed):
            found.update(_tokens_of(connection, namespace, chunk))
        return found


def vault_of(settings: Settings) -> Vault:
    """Return the vault of a home.

    Raises
    ------
    governance.database.LedgerMissing, caregate.secret_store.SecretsMissing
        If the home was not made by `caregate init`.
    """
    return Vault(ledger_database(settings), read_secrets(settings.secrets_file).vault_key_bytes)


def namespace(system: str, kind: str) -> str:
    """Return the namespace of a system's identifiers in columns called `kind`, such as ``noshow-kaggle/patient``."""
    return f"{system}/{kind.removesuffix('_id')}"


def _derive(key: bytes, purpose: bytes) -> bytes:
    return HKDF(hashes.SHA256(), length=32, salt=None, info=purpose).derive(key)


def _draw(count: int) -> Iterator[str]:
    """Yield `count` random tokens of 96 bits, 16 characters each."""
    text = base64.urlsafe_b64encode(secrets.token_bytes(TOKEN_BYTES * count)).decode()
    return (text[start : start + TOKEN_LENGTH] for start in range(0, len(text), TOKEN_LENGTH))


def _tokens_of(connection: Connection, namespace: str, sealed: Sequence[bytes]) -> Iterator[tuple[bytes, str]]:
    """Look up by the driver on SQLite: binding thousands of values one by one would cost more than the look-up."""
    if connection.dialect.name == "sqlite":
        marks = ", ".join("?" * len(sealed))
        statement = f"SELECT sealed, token FROM vault WHERE namespace = ? AND sealed IN ({marks})"  # noqa: S608
        rows = connection.exec_driver_sql(statement, (namespace, *sealed))
    else:
        query = select(vault.c.sealed, vault.c.token)
        rows = connection.execute(query.where(vault.c.namespace == namespace, vault.c.sealed.in_(sealed)))
    return ((bytes(found), token) for found, token in rows)


def _store(connection: Connection, namespace: str, fresh: Mapping[bytes, str]) -> None:
    """Insert through the driver: for millions of rows the statement's own processing would cost more than the rows."""
    if not fresh:
        return
    if connection.dialect.name == "sqlite":
        connection.exec_driver_sql(f"PRAGMA cache_size = -{CACHE_KIB}")
    statement = insert(vault).compile(dialect=connection.dialect, column_keys=["namespace", "sealed", "token"])
    rows = [(namespace, sealed, fresh[sealed]) for sealed in sorted(fresh)]  # in the index's own order
    if statement.positional:
        connection.exec_driver_sql(str(statement), rows)
    else:
        named = [dict(zip(("namespace", "sealed", "token"), row, strict=True)) for row in rows]
        connection.exec_driver_sql(str(statement), named)


def chunks(items: Sequence[Item]) -> Iterator[Sequence[Item]]:
    """Yield `items` in as many at once as one statement takes."""
    return (items[start : start + LOOKUP] for start in range(0, len(items), LOOKUP))
