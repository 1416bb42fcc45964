"""Making the ledger's database: tables by its owner and, on PostgreSQL, their guard and the application's rights."""

from __future__ import annotations

from sqlalchemy.engine import make_url

from caregate.secret_store import read_secrets
from caregate.settings import Settings
from governance import write_guard
from governance.database import migrate, open_database
from governance.database_roles import as_owner, grant_rows
from governance.ledger_guard import APPEND_ONLY, GUARDED, PURPOSE


def prepare_ledger(settings: Settings) -> None:
    """Bring the ledger's database to the newest schema and, on PostgreSQL, guard it; safe to repeat."""
    url = as_owner(settings, settings.ledger_url)
    migrate(url)
    engine = open_database(url)
    if not write_guard.is_guardable(engine):
        return
    key = read_secrets(settings.secrets_file).key_for(PURPOSE)
    with engine.begin() as connection:
        write_guard.install(connection, key, GUARDED)
        for table in APPEND_ONLY:
            write_guard.run_script(connection, f"ALTER TABLE {table} ENABLE ALWAYS TRIGGER {table}_append_only")
        grant_rows(connection, make_url(settings.ledger_url).username or "", APPEND_ONLY)
    engine.dispose()
