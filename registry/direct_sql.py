"""MLflow's tables on PostgreSQL: only the guarded stores write them, and never against the rules of the sign-off.

Direct SQL, a second MLflow server and a reporting tool carry no proof (`governance.write_guard`). The rules on rows
hold for the guarded stores as well.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Connection, Engine, text
from sqlalchemy.engine import make_url

from caregate.secret_store import read_secrets
from caregate.settings import Settings
from governance import write_guard
from governance.database_roles import grant_rows, tables_of
from governance.write_guard import NotGuarded
from registry import names

PURPOSE = "registry writes"
"""Names the key of the proofs among those that a home draws from one secret."""
SQL = Path(__file__).with_suffix(".sql")
RULE = "write_guard_rule"


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule on the rows of a table: when it is asked, and the function that refuses."""

    table: str
    when: str
    function: str

    @property
    def trigger(self) -> str:
        """The trigger's name."""
        return f"{RULE}_{self.function.partition('(')[0]}"


RULES = (
    Rule("registered_models", "UPDATE OR DELETE", "keep_row('last_updated_time', 'description')"),
    Rule("model_versions", "UPDATE OR DELETE", "keep_row('last_updated_time')"),
    Rule("model_versions", "INSERT", "begin_version()"),
    Rule("model_version_tags", "INSERT OR UPDATE OR DELETE", "write_version_tag()"),
    Rule("registered_model_aliases", "INSERT OR UPDATE", "point_alias()"),
    Rule("experiments", "UPDATE OR DELETE", "keep_row('last_update_time')"),
    Rule("runs", "UPDATE OR DELETE", "keep_row('name', 'status', 'end_time')"),
    Rule("tags", "UPDATE OR DELETE", "keep_run_tag()"),
    Rule(
        "logged_models",
        "UPDATE OR DELETE",
        "keep_row('status', 'status_message', 'lifecycle_stage', 'last_updated_timestamp_ms')",
    ),
    Rule("logged_models", "UPDATE", "keep_registered()"),
)

_RULES_THAT_STAND = text(
    "SELECT relname, tgname FROM pg_catalog.pg_trigger JOIN pg_catalog.pg_class c ON c.oid = tgrelid "
    "WHERE relnamespace = current_schema()::regnamespace AND tgenabled = 'A' AND starts_with(tgname, :rule)"
)

_OWNED_AND_OPEN = text(
    "SELECT to_regprocedure('write_guard.require_proof()') IS NULL AND pg_has_role(relowner, 'USAGE') "
    "FROM pg_catalog.pg_class WHERE oid = to_regclass('model_versions')"
)


def is_unguarded(engine: Engine) -> bool:
    """Tell whether MLflow's tables are on PostgreSQL, never were guarded, and are those of who signed in."""
    if not write_guard.is_guardable(engine):
        return False
    with engine.connect() as connection:
        return bool(connection.scalar(_OWNED_AND_OPEN))


def guard_registry(engine: Engine, settings: Settings) -> None:
    """Put the guard in front of MLflow's tables, as their owner, and leave the application's role its rows alone."""
    if not write_guard.is_guardable(engine):
        return
    with engine.begin() as connection:
        write_guard.install(connection, _key(settings), tables_of(connection))
        _install_rules(connection)
        grant_rows(connection, make_url(settings.registry_url).username or "")


def prove_and_require(engine: Engine, settings: Settings) -> None:
    """Have what `engine` writes proven, and check that nothing else can write; on PostgreSQL.

    Raises
    ------
    governance.write_guard.NotGuarded
        If a trigger is missing or switched off, or its key is another home's.
    """
    if write_guard.is_guardable(engine):
        write_guard.prove_writes(engine, _key(settings))
        require_registry_guard(engine, settings)


def require_registry_guard(engine: Engine, settings: Settings) -> None:
    """Check that every table of MLflow is guarded and every rule stands.

    Raises
    ------
    governance.write_guard.NotGuarded
        If that is not so.
    """
    with engine.connect() as connection:
        tables = tables_of(connection)
        standing = {tuple(row) for row in connection.execute(_RULES_THAT_STAND, {"rule": RULE})}
    write_guard.require_guard(engine, _key(settings), tables)
    missing = sorted({rule.table for rule in RULES if (rule.table, rule.trigger) not in standing})
    if missing:
        raise NotGuarded(f"rules are missing on {', '.join(missing)}")


def _key(settings: Settings) -> bytes:
    return read_secrets(settings.secrets_file).key_for(PURPOSE)


def _install_rules(connection: Connection) -> None:
    schema = str(connection.scalar(text("SELECT current_schema()")))
    quoted = connection.dialect.identifier_preparer.quote(schema)
    script = SQL.read_text(encoding="utf-8").replace("mlflow_schema", quoted)
    script = script.replace("stamp_words", "|".join(names.STAMPS)).replace("first_stamp", names.STAMPS[0])
    script = script.replace("reserved_words", ",".join(names.RESERVED))
    write_guard.run_script(connection, script)
    for rule in RULES:
        each = f"FOR EACH ROW EXECUTE FUNCTION write_guard.{rule.function}"
        write_guard.add_trigger(connection, rule.table, rule.trigger, f"BEFORE {rule.when}", each)
