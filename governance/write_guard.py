"""What refuses SQL that goes past Caregate, on PostgreSQL: a write needs a proof that only the home can make.

Each guarded table has a trigger that refuses a transaction without its proof, an HMAC of what names the transaction.
The home proves its own transactions with a key that the application's role cannot read; a proof that is copied, kept
or repeated belongs to another transaction and is worth nothing.
"""

from __future__ import annotations

import hmac
from collections.abc import Collection
from hashlib import sha256
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, event, text

from caregate.errors import CaregateError

SQL = Path(__file__).with_suffix(".sql")
TRIGGER = "write_guard_proof"
EVERY_STATEMENT = 62
"""PostgreSQL's ``tgtype`` of a trigger before each statement that inserts, updates, deletes or truncates."""
BLOCK = 64
"""Bytes of SHA-256's block, to which HMAC pads a key."""
READING = ("SELECT", "SHOW")
OPTION = "write_guard_key"
CHALLENGE = "SELECT write_guard.challenge()"
PROVE = text("SELECT set_config('write_guard.proof', :proof, true)")

_UNGUARDED = text(
    "SELECT c.relname FROM pg_catalog.pg_class c WHERE c.oid = ANY (CAST(CAST(:tables AS text[]) AS regclass[])) "
    "AND NOT EXISTS (SELECT FROM pg_catalog.pg_trigger t WHERE t.tgrelid = c.oid AND t.tgname = :trigger "
    "AND t.tgenabled = 'A' AND t.tgtype = :kind AND t.tgfoid = to_regprocedure('write_guard.require_proof()')) "
    "ORDER BY c.relname"
)


class NotGuarded(CaregateError):
    """The triggers that refuse direct SQL do not stand, or stand on another home's key."""

    exit_code = 2

    def __init__(self, why: str) -> None:
        super().__init__(
            f"the PostgreSQL database does not refuse direct SQL: {why}; "
            "name its owner in CAREGATE_DATABASE_OWNER and run `caregate databases` once"
        )


def is_guardable(engine: Engine) -> bool:
    """Tell whether the database is one that triggers can guard."""
    return engine.dialect.name == "postgresql"


def install(connection: Connection, key: bytes, tables: Collection[str]) -> None:
    """Put the guard in front of `tables`, with `key`; repeating it replaces what stands."""
    run_script(connection, SQL.read_text(encoding="utf-8"))
    pads = {"inner": _padded(key, 0x36), "outer": _padded(key, 0x5C)}
    connection.execute(
        text(
            "INSERT INTO write_guard.key (inner_key, outer_key) VALUES (:inner, :outer) ON CONFLICT (one) "
            "DO UPDATE SET inner_key = excluded.inner_key, outer_key = excluded.outer_key"
        ),
        pads,
    )
    for table in tables:
        add_trigger(
            connection,
            table,
            TRIGGER,
            "BEFORE INSERT OR UPDATE OR DELETE OR TRUNCATE",
            "FOR EACH STATEMENT EXECUTE FUNCTION write_guard.require_proof()",
        )


def add_trigger(connection: Connection, table: str, name: str, when: str, what: str) -> None:
    """Make a trigger that fires in sessions that replicate as well."""
    quoted = connection.dialect.identifier_preparer.quote(table)
    run_script(
        connection,
        f"CREATE OR REPLACE TRIGGER {name} {when} ON {quoted} {what}; "
        f"ALTER TABLE {quoted} ENABLE ALWAYS TRIGGER {name}",
    )


def run_script(connection: Connection, script: str) -> None:
    """Run SQL of several statements as it stands, per cent signs included."""
    connection.execution_options(no_parameters=True).exec_driver_sql(script)


def prove(connection: Connection, key: bytes) -> None:
    """Prove the transaction of `connection`: what is written in it came from the home."""
    challenge = connection.exec_driver_sql(CHALLENGE).scalar_one()
    connection.execute(PROVE, {"proof": hmac.digest(key, challenge.encode(), "sha256").hex()})


def prove_writes(engine: Engine, key: bytes) -> None:
    """Have each transaction of `engine` proven before its first write; those that only read stay as they are."""
    engine.update_execution_options(**{OPTION: key})
    if not event.contains(engine, "begin", _unproven):
        event.listen(engine, "begin", _unproven)
        event.listen(engine, "before_cursor_execute", _prove_first)


def with_key(engine: Engine, key: bytes) -> Engine:
    """Return `engine` with the key by which `prove_at_once` proves its transactions."""
    return engine.execution_options(**{OPTION: key})


def prove_at_once(connection: Connection) -> None:
    """Prove the transaction of `connection`, if its engine has a key to do so."""
    key = connection.get_execution_options().get(OPTION)
    if key is not None:
        prove(connection, key)


def _unproven(connection: Connection) -> None:
    connection.info.pop(OPTION, None)


def _prove_first(connection: Connection, _cursor: Any, statement: str, *_: Any) -> None:
    if OPTION not in connection.info and not statement.lstrip().upper().startswith(READING):
        connection.info[OPTION] = True  # set before a savepoint is, so that no rollback to one takes it away
        prove_at_once(connection)


def require_guard(engine: Engine, key: bytes, tables: Collection[str]) -> None:
    """Check that `tables` are guarded, by `key`.

    Raises
    ------
    NotGuarded
        If a trigger is missing or switched off, or the key is another.
    """
    with engine.connect() as connection:
        if not connection.scalar(text("SELECT to_regprocedure('write_guard.require_proof()') IS NOT NULL")):
            raise NotGuarded("the triggers were never made")
        asked = {"tables": list(tables), "trigger": TRIGGER, "kind": EVERY_STATEMENT}
        open_tables = connection.scalars(_UNGUARDED, asked).all()
        if open_tables:
            raise NotGuarded(f"no trigger stands in front of {', '.join(open_tables[:5])}")
        prove(connection, key)
        if not connection.scalar(text("SELECT write_guard.proven()")):
            raise NotGuarded("its key is not that of this home")
        connection.rollback()


def _padded(key: bytes, pad: int) -> bytes:
    filled = (key if len(key) <= BLOCK else sha256(key).digest()).ljust(BLOCK, b"\0")
    return bytes(byte ^ pad for byte in filled)
