"""Whose work a run is: the signed-in person's, or nobody's that could be named.

What an environment variable or a request says of its author is never believed. A user of the operating system is no
account; acts that have to be possible without a sign-in name that user, and no person.
"""

from __future__ import annotations

import os
import pwd
from collections.abc import Collection
from dataclasses import dataclass

from caregate.clock import Clock, system_clock
from caregate.errors import Refused
from caregate.settings import Settings
from governance.people import Person, Role
from registry.names import UNPROVEN
from registry.sessions import session_of

OPERATING_SYSTEM = "os:"
"""Stands before the name of a user who is no account; no account's name holds a colon."""


class NotSignedIn(Refused):
    """The act asks for a person, and nobody is signed in."""

    def __init__(self) -> None:
        super().__init__("nobody is signed in here: `caregate sign-in NAME` first")


class MayNot(Refused):
    """The signed-in person has another role than the act asks for."""

    def __init__(self, person: Person, roles: Collection[Role]) -> None:
        allowed = " or ".join(roles)
        super().__init__(f"this is for accounts with the role {allowed}; {person.name} is signed in as {person.role}")


@dataclass(frozen=True, slots=True)
class Author:
    """Who started something.

    Attributes
    ----------
    name
        The author of what comes of it: an account, or `UNPROVEN`.
    proven
        Whether the name is a signed-in account's.
    by
        Who stands in the ledger's lines: the account, or the user of the operating system.
    """

    name: str
    proven: bool
    by: str


UNKNOWN = Author(UNPROVEN, proven=False, by=UNPROVEN)
"""Of what was started where nobody signs in, such as the Prefect UI."""


def proven_author(account: str) -> Author:
    """Return the author who has proven to be `account`."""
    return Author(account, proven=True, by=account)


def author_of(settings: Settings, *, clock: Clock = system_clock) -> Author:
    """Return the author of what this process does for who called it: proven by a standing session alone."""
    session = session_of(settings, clock=clock)
    if session is None:
        return Author(UNPROVEN, proven=False, by=system_user())
    return proven_author(session.account.name)


def acting_name(settings: Settings, *, clock: Clock = system_clock) -> str:
    """Return who stands in the ledger's lines for an act of the command line."""
    return author_of(settings, clock=clock).by


def require_role(settings: Settings, *roles: Role, clock: Clock = system_clock) -> str:
    """Return the signed-in account, which has to have one of `roles`.

    Raises
    ------
    NotSignedIn, MayNot
        If nobody is, or another.
    """
    session = session_of(settings, clock=clock)
    if session is None:
        raise NotSignedIn
    if session.account.role not in roles:
        raise MayNot(session.account, roles)
    return session.account.name


def system_user() -> str:
    """Return the operating system's name of who runs this process, never one from the environment."""
    uid = os.getuid()
    try:
        return OPERATING_SYSTEM + pwd.getpwuid(uid).pw_name
    except KeyError:  # a user without a name, as in containers
        return f"{OPERATING_SYSTEM}{uid}"
