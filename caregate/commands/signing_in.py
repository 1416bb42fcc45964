"""`caregate sign-in`, `sign-out`, `whoami`: whose work the command line does."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from caregate.commands.context import AsJson, Context, Home, guarded, open_context
from caregate.errors import BadInput
from caregate.terminal import can_ask

if TYPE_CHECKING:
    from registry.sessions import Session

UNTIL = "%Y-%m-%d %H:%M UTC"


class NoPassword(BadInput):
    """There is neither a terminal to ask on nor a password on standard input."""

    def __init__(self) -> None:
        super().__init__("there is no terminal to ask for the password on: send it with --password-stdin")


@guarded
def sign_in(
    name: Annotated[str, typer.Argument(help="The account's name.")],
    password_stdin: Annotated[
        bool, typer.Option("--password-stdin", help="Read the password from standard input.")
    ] = False,
    home: Home = None,
    as_json: AsJson = False,
) -> None:
    """Sign in with the password that opens MLflow: what is run from now on is this person's work."""
    from registry.sessions import sign_in as open_by_password

    context = open_context(home, as_json)
    if not password_stdin and not can_ask():
        raise NoPassword
    password = sys.stdin.readline().rstrip("\r\n") if password_stdin else _asked(name)
    session = open_by_password(context.settings, name, password)
    _show(context, session)


@guarded
def sign_out(home: Home = None, as_json: AsJson = False) -> None:
    """End the session: what is run from now on has no proven author."""
    from registry.sessions import sign_out as end_session

    context = open_context(home, as_json)
    end_session(context.settings)
    context.terminal.result({"account": None})
    context.terminal.line("nobody is signed in")


@guarded
def whoami(home: Home = None, as_json: AsJson = False) -> None:
    """Say who is signed in; exit 1 where nobody is."""
    from registry.sessions import session_of

    context = open_context(home, as_json)
    session = session_of(context.settings)
    if session is None:
        context.terminal.result({"account": None})
        context.terminal.line("nobody is signed in")
        raise typer.Exit(1)
    _show(context, session)


def _asked(name: str) -> str:
    said: str = typer.prompt(f"password of {name}", hide_input=True, err=True)
    return said


def _show(context: Context, session: Session) -> None:
    account = session.account
    context.terminal.result(
        {"account": account.name, "role": account.role.value, "expires_at": session.expires_at.isoformat()}
    )
    context.terminal.line(f"signed in as {account.name} ({account.role}) until {session.expires_at:{UNTIL}}")
