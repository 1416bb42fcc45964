"""Two roles of a PostgreSQL database: its owner makes tables and triggers, the application reads and writes rows.

A table's owner can drop its triggers. So servers sign in as the application's role, which owns nothing; the owner signs
in once, when the databases are made.
"""

from __future__ import annotations

from collections.abc import Collection

from sqlalchemy import Connection, text
from sqlalchemy.engine import make_url

from caregate.errors import BadInput
from caregate.settings import Settings

BOOKKEEPING = ("alembic_version",)
"""Tables that only a migration writes."""

_TABLES = text(
    "SELECT relname FROM pg_catalog.pg_class WHERE relnamespace = current_schema()::regnamespace "
    "AND relkind IN ('r', 'p') AND relname <> ALL (:but) ORDER BY relname"
)
_POWERS = text(
    """
SELECT what FROM (VALUES
    (1, 'is a superuser', (SELECT rolsuper FROM pg_roles WHERE rolname = current_user)),
    (2, 'may make roles', (SELECT rolcreaterole FROM pg_roles WHERE rolname = current_user)),
    (3, 'may replicate', (SELECT rolreplication FROM pg_roles WHERE rolname = current_user)),
    (4, 'owns the database, or is a member of its owner', EXISTS (
        SELECT FROM pg_database WHERE datname = current_database() AND pg_has_role(datdba, 'MEMBER'))),
    (5, 'owns tables or functions, or is a member of their owner', EXISTS (
        SELECT FROM pg_class WHERE relnamespace IN (current_schema()::regnamespace, to_regnamespace('write_guard'))
            AND pg_has_role(relowner, 'MEMBER'))
        OR EXISTS (SELECT FROM pg_proc WHERE pronamespace = to_regnamespace('write_guard')
            AND pg_has_role(proowner, 'MEMBER'))),
    (6, 'owns a schema, or is a member of its owner', EXISTS (
        SELECT FROM pg_namespace WHERE oid IN (current_schema()::regnamespace, to_regnamespace('write_guard'))
            AND pg_has_role(nspowner, 'MEMBER'))),
    (7, 'may make objects in the schema', has_schema_privilege(current_schema(), 'CREATE')),
    (8, 'may make schemas', has_database_privilege(current_database(), 'CREATE')),
    (9, 'can read or change the key of the proofs',
        has_table_privilege(to_regclass('write_guard.key')::oid, 'SELECT, INSERT, UPDATE, DELETE')),
    (10, 'may make triggers or empty tables', EXISTS (
        SELECT FROM pg_class WHERE relnamespace = current_schema()::regnamespace AND relkind IN ('r', 'p')
            AND has_table_privilege(oid, 'TRIGGER, TRUNCATE'))),
    (11, 'may use files or programs of the server', EXISTS (
        SELECT FROM pg_roles WHERE rolname IN
            ('pg_read_server_files', 'pg_write_server_files', 'pg_execute_server_program')
            AND pg_has_role(oid, 'MEMBER')))
) AS power (number, what, holds) WHERE holds ORDER BY number
"""
)


class UnfitOwner(BadInput):
    """The setting that names the databases' owner cannot be read."""

    def __init__(self) -> None:
        super().__init__("CAREGATE_DATABASE_OWNER is the owner's name and password, parted by a colon")


def as_owner(settings: Settings, url: str) -> str:
    """Return the address of a database for its owner: the one given once, or who signs in there anyway.

    Raises
    ------
    UnfitOwner
        If the setting has no name in it.
    """
    given = settings.database_owner
    parsed = make_url(url)
    if given is None or parsed.get_backend_name() != "postgresql":
        return url
    name, _, password = given.get_secret_value().partition(":")
    if not name:
        raise UnfitOwner
    return parsed.set(username=name, password=password or None).render_as_string(hide_password=False)


def tables_of(connection: Connection) -> list[str]:
    """Return the tables of the schema, but for those that only a migration writes."""
    return list(connection.scalars(_TABLES, {"but": list(BOOKKEEPING)}))


def grant_rows(connection: Connection, role: str, append_only: Collection[str] = ()) -> None:
    """Let `role` read and write rows and nothing else; what is `append_only` it reads and adds to.

    Where `role` owns the tables itself it keeps all of an owner's powers: nothing is granted or taken.
    """
    if role == connection.scalar(text("SELECT current_user")):
        return
    quote = connection.dialect.identifier_preparer.quote
    schema = quote(str(connection.scalar(text("SELECT current_schema()"))))
    who = quote(role)
    statements = [
        f"REVOKE CREATE ON SCHEMA {schema} FROM PUBLIC, {who}",
        f"GRANT USAGE ON SCHEMA {schema}, write_guard TO {who}",
        f"REVOKE ALL ON ALL TABLES IN SCHEMA {schema}, write_guard FROM PUBLIC, {who}",
        f"GRANT SELECT ON ALL TABLES IN SCHEMA {schema} TO {who}",
        f"GRANT USAGE ON ALL SEQUENCES IN SCHEMA {schema} TO {who}",
        f"GRANT EXECUTE ON FUNCTION write_guard.challenge(), write_guard.proven() TO {who}",
    ]
    for table in tables_of(connection):
        rights = "INSERT" if table in append_only else "INSERT, UPDATE, DELETE"
        statements.append(f"GRANT {rights} ON {quote(table)} TO {who}")
    for statement in statements:
        connection.exec_driver_sql(statement)


def excess_powers(connection: Connection) -> list[str]:
    """Return what the signed-in role could do about the guard, in words; nothing where the roles are apart."""
    return list(connection.scalars(_POWERS))
