"""Making a home's two databases: tables, and on PostgreSQL what refuses direct SQL."""

from __future__ import annotations

from sqlalchemy.engine import make_url

from caregate.settings import Settings
from governance.preparing import prepare_ledger


def prepare_databases(settings: Settings) -> None:
    """Make what is missing in both databases, as their owner; safe to repeat.

    Where MLflow's is SQLite, it is made when it is first opened: MLflow takes seconds to be imported.
    """
    prepare_ledger(settings)
    if make_url(settings.registry_url).get_backend_name() != "sqlite":
        from registry.connection import prepare_database

        prepare_database(settings, guard_anew=True)
