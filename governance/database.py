"""Opening the governance database: SQLite in the home, or PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import Any

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine, create_engine, event, text
from sqlalchemy.engine import make_url

from caregate.errors import CaregateError
from caregate.secret_store import read_secrets
from caregate.settings import Settings
from governance import ledger_guard, seals, write_guard

MIGRATIONS = Path(__file__).parent / "migrations"
LEDGER_LOCK = 0x0CA7E9A7E
"""Key of the PostgreSQL advisory lock that serialises appends to the chain."""


FLUSH = "SELECT pg_logical_emit_message(true, 'caregate', '')"
"""A transaction that writes nothing but its own end; when that is on disk, so is all that was committed before it."""


class LedgerMissing(CaregateError):
    """The home has no governance database, or one of another release."""

    exit_code = 2

    def __init__(self) -> None:
        super().__init__("this home has no up-to-date ledger: run `caregate init` first")


@lru_cache(maxsize=16)
def open_database(url: str) -> Engine:
    """Return the engine for `url`, one a process.

    SQLite runs in WAL mode with full durability; `exclusive` transactions take the write lock at their start.
    """
    if make_url(url).get_backend_name() != "sqlite":
        engine = create_engine(url, pool_pre_ping=True)
        event.listen(engine, "connect", _configure_postgresql)
        return engine
    engine = create_engine(url, connect_args={"timeout": 60})
    event.listen(engine, "connect", _configure_sqlite)
    event.listen(engine, "begin", _begin_sqlite)
    return engine


def _configure_sqlite(connection: Any, _record: object) -> None:
    connection.isolation_level = None  # SQLAlchemy's own BEGIN decides, not the driver's
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "busy_timeout=60000", "cache_size=-16000"):
        connection.execute(f"PRAGMA {pragma}")


def _configure_postgresql(connection: Any, _record: object) -> None:
    with connection.cursor() as cursor:  # a server or a role may be set not to wait for the disk
        cursor.execute(
            "SELECT set_config('synchronous_commit', 'on', false) WHERE current_setting('synchronous_commit') = 'off'"
        )
    connection.commit()


def _begin_sqlite(connection: Connection) -> None:
    exclusive_asked = connection.get_execution_options().get("exclusive", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if exclusive_asked else "BEGIN")


def migrate(url: str) -> None:
    """Bring the database at `url` to the newest schema, creating it where it does not exist."""
    with open_database(url).begin() as connection:
        config = Config()
        config.set_main_option("script_location", str(MIGRATIONS))
        config.attributes["connection"] = connection
        command.upgrade(config, "head")


def require_current(engine: Engine) -> Engine:
    """Return `engine` when its schema is the newest.

    Raises
    ------
    LedgerMissing
        If the database was never made or has another schema.
    """
    database = engine.url.database
    if engine.dialect.name == "sqlite" and not Path(str(database)).is_file():
        raise LedgerMissing
    newest = ScriptDirectory(str(MIGRATIONS)).get_current_head()
    with engine.connect() as connection:
        if MigrationContext.configure(connection).get_current_revision() != newest:
            raise LedgerMissing
    return engine


def ledger_database(settings: Settings) -> Engine:
    """Return the home's governance database, opened with the key that its lines are sealed with.

    Raises
    ------
    LedgerMissing
        If the database was never made or has another schema.
    caregate.secret_store.SecretsMissing
        If the home's secrets are gone.
    governance.write_guard.NotGuarded
        If a database on PostgreSQL does not refuse direct SQL.
    """
    return _with_key(settings.ledger_url, settings.secrets_file)


@lru_cache(maxsize=16)
def _with_key(url: str, secrets_file: Path) -> Engine:
    engine, secrets = require_current(open_database(url)), read_secrets(secrets_file)
    engine = ledger_guard.with_proofs(engine, secrets)
    return seals.with_key(engine, secrets.key_for(seals.PURPOSE))


def plain_connection(engine: Engine) -> Any:
    """Return a connection of the driver's own, for reads at every request: SQLAlchemy's way takes twenty times as long.

    It belongs to the caller, and each statement is a transaction of its own: one round trip on PostgreSQL.
    """
    pooled = engine.raw_connection()
    connection: Any = pooled.driver_connection
    pooled.detach()
    if engine.dialect.name == "postgresql":
        connection.autocommit = True
    return connection


@contextmanager
def exclusive(engine: Engine) -> Iterator[Connection]:
    """Open a transaction in which no other writes: what was read in it still holds when it commits."""
    with engine.execution_options(exclusive=True).begin() as connection:
        if engine.dialect.name == "postgresql":
            write_guard.prove_at_once(connection)  # before the lock, so that nobody waits for it
            connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": LEDGER_LOCK})
        yield connection


def make_durable(engine: Engine) -> None:
    """Return when all that others have committed is on disk; on SQLite it is before anybody can see it."""
    if engine.dialect.name == "postgresql":
        with engine.begin() as connection:
            connection.exec_driver_sql(FLUSH)
