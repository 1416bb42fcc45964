"""`caregate users`, `doctor`: keeping house."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer

from caregate.commands.context import AsJson, Home, guarded, open_context

users = typer.Typer(help="Accounts of people.", no_args_is_help=True)
Name = Annotated[str, typer.Argument(help="The account's name.")]


@users.command("add")
@guarded
def add_user(
    name: Name,
    role: Annotated[str, typer.Option(help="engineer, reviewer, clinical-reviewer, auditor, admin or crm.")],
    home: Home = None,
    as_json: AsJson = False,
) -> None:
    """Add an account; its password, or the key of a `crm` client, is shown once."""
    from governance.people import Role, UnknownRole
    from registry.accounts import create_account, create_client
    from registry.authorship import acting_name

    context = open_context(home, as_json)
    settings, by = context.settings, acting_name(context.settings)
    if role not in set(Role):
        raise UnknownRole
    if role == Role.CRM:
        secret = create_client(settings, name, by=by)
    else:
        secret = create_account(settings, name, Role(role), by=by)
    context.terminal.result({"account": name, "role": role, "secret": secret})
    context.terminal.line(f"{name} ({role}); the secret is shown this once: {secret}")


@users.command("list")
@guarded
def list_users(home: Home = None, as_json: AsJson = False) -> None:
    """List all accounts."""
    from governance.database import ledger_database
    from governance.people import People

    context = open_context(home, as_json)
    people = People(ledger_database(context.settings)).all()
    context.terminal.result([asdict(person) for person in people])
    rows = [
        (item.name, item.role.value, "service" if item.service else "person", "disabled" if item.disabled else "active")
        for item in people
    ]
    context.terminal.table("accounts", ("name", "role", "kind", "state"), rows)


@users.command("reset")
@guarded
def reset_user(name: Name, home: Home = None, as_json: AsJson = False) -> None:
    """Give a person a new password, shown once; they change it themselves before they approve anything."""
    from registry.accounts import reset_account
    from registry.authorship import acting_name

    context = open_context(home, as_json)
    secret = reset_account(context.settings, name, by=acting_name(context.settings))
    context.terminal.result({"account": name, "secret": secret})
    context.terminal.line(f"{name}; the secret is shown this once: {secret}")


@users.command("disable")
@guarded
def disable_user(name: Name, home: Home = None, as_json: AsJson = False) -> None:
    """Disable an account for good."""
    from registry.accounts import disable_account
    from registry.authorship import acting_name

    context = open_context(home, as_json)
    disable_account(context.settings, name, by=acting_name(context.settings))
    context.terminal.result({"account": name, "disabled": True})
    context.terminal.line(f"{name} is disabled")


@guarded
def doctor(home: Home = None, as_json: AsJson = False) -> None:
    """Look the home over: database, chain, snapshots, secrets; exit 1 where something is wrong."""
    from caregate.checkup import check_home

    context = open_context(home, as_json)
    findings = check_home(context.settings)
    context.terminal.result([asdict(item) for item in findings])
    context.terminal.table("home", ("what", "verdict", "finding"), [(f.what, f.verdict, f.finding) for f in findings])
    if any(item.verdict == "failed" for item in findings):
        raise typer.Exit(1)
