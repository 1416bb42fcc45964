"""The ledger's database on PostgreSQL: who may sign, call and let rows through is written by Caregate alone.

A line that somebody else writes has no seal and counts for nothing; here it is not even written, so that it cannot
break the chain.
"""

from __future__ import annotations

from sqlalchemy import Engine

from caregate.secret_store import Secrets
from governance import write_guard

PURPOSE = "ledger writes"
"""Names the key of the proofs among those that a home draws from one secret."""
GUARDED = (
    "acts",
    "quarantine_decisions",
    "worklists",
    "worklist_entries",
    "messages",
    "reviews",
    "outcomes",
    "incident_reports",
)
"""Tables that are written in `exclusive` transactions alone."""
APPEND_ONLY = (*GUARDED, "predictions", "write_backs", "hook_events")


def with_proofs(engine: Engine, secrets: Secrets) -> Engine:
    """Return `engine` with the key that proves its writes, on PostgreSQL; elsewhere as it is.

    Raises
    ------
    governance.write_guard.NotGuarded
        If a trigger is missing or switched off, or its key is another home's.
    """
    if not write_guard.is_guardable(engine):
        return engine
    key = secrets.key_for(PURPOSE)
    write_guard.require_guard(engine, key, GUARDED)
    return write_guard.with_key(engine, key)
