"""The command line: `caregate`."""

from __future__ import annotations

import typer

from caregate.commands import (
    audit,
    consents,
    databases,
    history,
    incidents,
    keeping,
    keys,
    lifecycle,
    monitoring,
    outcomes,
    outreach,
    quarantine,
    registry_acts,
    scoring,
    signing_in,
    write_back,
)

app = typer.Typer(
    name="caregate",
    help="From a healthcare CRM's export to a model in use, and nothing that a named person has not signed for.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)
app.command()(lifecycle.init)
app.command()(lifecycle.ingest)
app.command()(lifecycle.run)
app.command()(lifecycle.up)
app.command()(lifecycle.demo)
app.command()(scoring.score)
app.command()(scoring.evaluate)
app.command("write-back")(write_back.write_back)
app.command()(registry_acts.promote)
app.command()(registry_acts.rollback)
app.command()(registry_acts.suspend)
app.command()(registry_acts.resume)
app.command()(history.live)
app.command()(history.history)
app.command()(monitoring.monitor)
app.command()(outcomes.outcomes)
app.command("sign-in")(signing_in.sign_in)
app.command("sign-out")(signing_in.sign_out)
app.command()(signing_in.whoami)
app.command()(keeping.doctor)
app.command()(databases.databases)
app.add_typer(consents.consents, name="consent")
app.add_typer(incidents.incidents, name="incident")
app.add_typer(outreach.outreach, name="outreach")
app.add_typer(quarantine.quarantine, name="quarantine")
app.add_typer(keeping.users, name="users")
app.add_typer(keys.keys, name="keys")
app.add_typer(audit.audit, name="audit")


def main() -> None:
    """Run the command line."""
    app()
