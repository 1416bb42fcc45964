"""A home's two databases: how they are made, and on PostgreSQL whether they refuse direct SQL."""

from __future__ import annotations

from sqlalchemy.engine import make_url

from caregate.errors import CaregateError
from caregate.settings import Settings
from governance.database import ledger_database, open_database
from governance.database_roles import excess_powers
from governance.preparing import prepare_ledger
from governance.write_guard import is_guardable
from registry.direct_sql import require_registry_guard

ON_FILES = "not on PostgreSQL: who owns the files owns what is in them"
APART = "PostgreSQL refuses it, and the application's role cannot change that"


class RoleTooStrong(CaregateError):
    """The role that the servers sign in with could take away what refuses direct SQL."""

    exit_code = 1

    def __init__(self, database: str, powers: list[str]) -> None:
        super().__init__(
            f"the role of Caregate's servers in the {database} database {'; '.join(powers)}: whoever has its password "
            "could write past the rules; give the database an owner of its own"
        )


def prepare_databases(settings: Settings) -> None:
    """Make what is missing in both databases, as their owner; safe to repeat.

    Where MLflow's is SQLite, it is made when it is first opened: MLflow takes seconds to be imported.
    """
    prepare_ledger(settings)
    if make_url(settings.registry_url).get_backend_name() != "sqlite":
        from registry.connection import prepare_database

        prepare_database(settings, guard_anew=True)


def check_direct_sql(settings: Settings) -> str:
    """Say how the home's databases stand against direct SQL.

    Raises
    ------
    governance.write_guard.NotGuarded
        If a guard does not stand.
    RoleTooStrong
        If the servers' own role could take it away.
    """
    engines = {"ledger's": ledger_database(settings), "registry's": open_database(settings.registry_url)}
    on_server = {name: engine for name, engine in engines.items() if is_guardable(engine)}
    if "registry's" in on_server:
        require_registry_guard(on_server["registry's"], settings)
    for name, engine in on_server.items():
        with engine.connect() as connection:
            powers = excess_powers(connection)
        if powers:
            raise RoleTooStrong(name, powers)
    return APART if on_server else ON_FILES
