"""The command line: `caregate`."""

from __future__ import annotations

import typer

from caregate.commands import lifecycle

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


def main() -> None:
    """Run the command line."""
    app()
