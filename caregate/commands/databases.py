"""`caregate databases`: what the owner of PostgreSQL databases does once."""

from __future__ import annotations

from caregate.commands.context import AsJson, Home, guarded, open_context


@guarded
def databases(home: Home = None, as_json: AsJson = False) -> None:
    """Make missing tables, triggers and rights in the home's databases, as CAREGATE_DATABASE_OWNER; safe to repeat."""
    from registry.databases import check_direct_sql, prepare_databases

    context = open_context(home, as_json)
    prepare_databases(context.settings)
    finding = check_direct_sql(context.settings)
    context.terminal.result({"direct_sql": finding})
    context.terminal.line(f"direct SQL: {finding}")
