"""Appending on PostgreSQL in two round trips, with the chain's lock let go before the disk is waited for.

The chained transaction commits without waiting for the disk, so that the next writer can link to it at once. Then a
second, empty transaction waits: the write-ahead log is written in order, so when its end is on disk, so are the lines
before it. A crash in between loses lines that nobody was told of, from the end of the chain, and leaves no gap.
"""

from __future__ import annotations

import hmac
import time
from collections.abc import Callable
from typing import Any

import psycopg
from sqlalchemy import Engine
from sqlalchemy.exc import OperationalError

from caregate.errors import CaregateError
from governance import write_guard
from governance.chain import START, Act, Link
from governance.database import FLUSH, LEDGER_LOCK

PATIENCE_SECONDS = 15.0
"""How long a server that went away is waited for: a crash recovery takes less."""
PAUSE_SECONDS = 0.1
PASSING = (psycopg.OperationalError, psycopg.InterfaceError, psycopg.errors.UniqueViolation, OperationalError)

_BEGIN = "BEGIN ISOLATION LEVEL READ COMMITTED"  # what is read after the lock was waited for must be of after it
_LOCK = "SELECT set_config('synchronous_commit', 'off', true), pg_advisory_xact_lock(%s)"
_HEAD = "SELECT seq, hash FROM acts ORDER BY seq DESC LIMIT 1"
_STANDS = "SELECT true FROM acts WHERE seq = %s AND hash = %s"
_PROVE = "SELECT set_config('write_guard.proof', %s, true)"
_INSERT = (
    "INSERT INTO acts (seq, at, actor, action, subject, digest, detail, previous, hash, seal) "
    "SELECT * FROM unnest(%s::int[], %s::text[], %s::text[], %s::text[], %s::text[], "
    "%s::text[], %s::text[], %s::text[], %s::text[], %s::text[])"
)


class AppendFailed(CaregateError):
    """The database did not take a line, or went away before it said whether it did."""

    def __init__(self, error: Exception) -> None:
        super().__init__(
            f"the ledger's database did not confirm the line ({type(error).__name__}): "
            "see with `caregate audit export` whether it stands before the act is repeated"
        )


def record(engine: Engine, follow: Callable[[Link], list[Act]]) -> list[Act]:
    """Append the lines that `follow` makes after the last one, and return them once they are on disk.

    A lost connection leaves open whether its transaction was committed. So the next attempt takes the lock, which the
    lost transaction held to its end, and looks whether the lines stand before it writes them again.

    Parameters
    ----------
    engine
        Of the database.
    follow
        Makes lines after a link; asked again, it makes the same acts' lines after another.

    Raises
    ------
    AppendFailed
        If the database refuses, or does not come back within `PATIENCE_SECONDS`.
    """
    tried: list[Act] = []
    deadline = time.monotonic() + PATIENCE_SECONDS
    while True:
        try:
            return _attempt(engine, follow, tried)
        except PASSING as error:
            if time.monotonic() > deadline:
                raise AppendFailed(error) from error
            time.sleep(PAUSE_SECONDS)
        except psycopg.Error as error:
            raise AppendFailed(error) from error


def _attempt(engine: Engine, follow: Callable[[Link], list[Act]], tried: list[Act]) -> list[Act]:
    pooled = engine.raw_connection()
    try:
        raw: Any = pooled.driver_connection
        raw.autocommit = True  # the transactions are begun and ended here, in one pipeline
        proof_key = engine.get_execution_options().get(write_guard.OPTION)
        lines = _chain(raw, proof_key, follow, tried)
        raw.autocommit = False
    except BaseException:
        pooled.invalidate()
        raise
    pooled.close()
    return lines


def _chain(
    raw: psycopg.Connection[Any],
    proof_key: bytes | None,
    follow: Callable[[Link], list[Act]],
    tried: list[Act],
) -> list[Act]:
    with raw.pipeline():
        raw.execute(_BEGIN)
        challenge = raw.execute(write_guard.CHALLENGE) if proof_key else None
        raw.execute(_LOCK, (LEDGER_LOCK,))
        stands = raw.execute(_STANDS, (tried[-1].seq, tried[-1].hash)) if tried else None
        head = raw.execute(_HEAD).fetchone()
        if stands is None or stands.fetchone() is None:
            tried[:] = follow(Link(*head) if head else START)
            if challenge is not None and proof_key:
                raw.execute(_PROVE, (_proof(proof_key, challenge.fetchone()),))
            raw.execute(_INSERT, [list(column) for column in zip(*(act.row for act in tried), strict=True)])
        raw.execute("COMMIT")
        raw.execute(FLUSH)
    return list(tried)


def _proof(key: bytes, challenge: tuple[str] | None) -> str:
    return hmac.digest(key, challenge[0].encode() if challenge else b"", "sha256").hex()
