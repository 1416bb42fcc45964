"""What every command begins with: where the home is, how to show the result, and how a failure ends."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, ParamSpec, TypeVar

import typer

from caregate.errors import BadInput, CaregateError
from caregate.faults import fault_in_words
from caregate.home import FIRST_ENGINEER, Credential, is_home, make_home
from caregate.settings import Settings, load_settings
from caregate.terminal import Terminal

P = ParamSpec("P")
R = TypeVar("R")

INTERRUPTED = 130
Home = Annotated[
    Path | None, typer.Option("--home", help="The home's folder.", envvar="CAREGATE_HOME", show_default="./.caregate")
]
AsJson = Annotated[bool, typer.Option("--json", help="Print the result as one JSON value.")]


class NoHome(BadInput):
    """The command needs a home and there is none."""

    def __init__(self, home: Path) -> None:
        super().__init__(f"there is no Caregate home at {home}: make one with `caregate init`")


@dataclass(frozen=True)
class Context:
    """The settings and the terminal of one command."""

    settings: Settings
    terminal: Terminal


def open_context(home: Path | None, as_json: bool, *, must_exist: bool = True) -> Context:
    """Read the settings of `home`.

    Raises
    ------
    NoHome
        If the home has to exist and does not.
    """
    settings = load_settings(home=home)
    if must_exist and not is_home(settings):
        raise NoHome(settings.home)
    os.environ["CAREGATE_HOME"] = str(settings.home.resolve())  # flows read it, whatever process runs them
    return Context(settings, Terminal(as_json=as_json))


def ensure_home(context: Context) -> None:
    """Make the home where there is none, and show its first credentials."""
    if not is_home(context.settings):
        show_credentials(context.terminal, context.settings, make_home(context.settings))
        sign_in_first_engineer(context)


def sign_in_first_engineer(context: Context) -> None:
    """Open the engineer's session of a new home: who made it was shown the password in this very moment."""
    from governance.database import ledger_database
    from governance.people import People
    from registry.sessions import open_session

    person = People(ledger_database(context.settings)).find(FIRST_ENGINEER)
    assert person is not None  # noqa: S101  a new home has this account
    session = open_session(context.settings, person)
    context.terminal.note(f"signed in as {person.name} until {session.expires_at:%Y-%m-%d %H:%M UTC}")


def show_credentials(terminal: Terminal, settings: Settings, credentials: list[Credential]) -> None:
    """Show generated secrets, the only time that they can be seen."""
    terminal.note(f"made {settings.home}; each secret is shown this once, keep it now:")
    for item in credentials:
        terminal.note(f"  {item.account:<12}{item.role:<20}{item.secret}")


def guarded(command: Callable[P, R]) -> Callable[P, R]:
    """End `command` with one clear line and the error's exit code where it fails on purpose."""

    @functools.wraps(command)
    def wrapper(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return command(*args, **kwargs)
        except CaregateError as error:
            Terminal().error(str(error))
            raise typer.Exit(error.exit_code) from None
        except KeyboardInterrupt:
            Terminal().error("interrupted; started again, it goes on where it stopped")
            raise typer.Exit(INTERRUPTED) from None
        except (typer.Exit, typer.Abort):
            raise
        except Exception as error:
            Terminal().error(fault_in_words(error))
            raise typer.Exit(CaregateError.exit_code) from None

    return wrapper
