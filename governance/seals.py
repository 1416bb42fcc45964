"""Seals: what makes a line of the ledger ours, and not one that somebody wrote into the database.

A hash chain shows that a line was changed; it does not show who wrote it, because anybody can reckon a hash. So each
line's hash carries an HMAC (RFC 2104) by a key of the home. A line without a true seal counts for nothing.
"""

from __future__ import annotations

import hmac

from sqlalchemy import Engine

from caregate.errors import CaregateError

PURPOSE = "ledger"
"""Names the key among those that a home draws from one secret."""
OPTION = "seal_key"


class SealKeyMissing(CaregateError):
    """The database was opened without the home's key: nothing can be sealed or trusted."""

    def __init__(self) -> None:
        super().__init__("the ledger was opened without the home's key: open it by the home's settings")


def with_key(engine: Engine, key: bytes) -> Engine:
    """Return `engine` with the key by which its lines are sealed."""
    return engine.execution_options(**{OPTION: key})


def key_of(engine: Engine) -> bytes | None:
    """Return the key that `engine` was opened with, None where it has none."""
    key: bytes | None = engine.get_execution_options().get(OPTION)
    return key


def required_key(engine: Engine) -> bytes:
    """Return the key that `engine` was opened with.

    Raises
    ------
    SealKeyMissing
        If it has none.
    """
    key = key_of(engine)
    if key is None:
        raise SealKeyMissing
    return key


def seal(key: bytes, content_hash: str) -> str:
    """Return the seal of a line, by its hash."""
    return hmac.digest(key, content_hash.encode(), "sha256").hex()


def holds(key: bytes, content_hash: str, found: object) -> bool:
    """Tell whether `found` is the seal of the line with this hash; what is put there by SQL may be no text at all."""
    if not isinstance(found, str) or not found.isascii():
        return False
    return hmac.compare_digest(seal(key, content_hash), found)
