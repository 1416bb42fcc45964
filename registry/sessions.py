"""Sessions of the command line: who is signed in as this user of the operating system, until when.

A session is a sealed file in the home, one a user of the operating system. It names the account and stands as long as
the account does, its password is the same and its time is not over. A file that was edited, or made for another user of
the operating system, is none.
"""

from __future__ import annotations

import json
import os
import stat
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from caregate.clock import Clock, system_clock
from caregate.errors import Refused
from caregate.secret_store import read_secrets
from caregate.settings import Settings
from governance.database import ledger_database
from governance.ledger import Ledger
from governance.people import People, Person
from registry.sealing import sealed, unsealed
from registry.sign_ins import password_holds, sign_in_mark

PURPOSE = "session"
SESSION_HOURS = 12
GUESS_SECONDS = 1.0
"""How long a wrong password waits for its answer."""
NOBODY = "unknown"


class SignInRefused(Refused):
    """No such account, or another password; the answer does not say which."""

    def __init__(self) -> None:
        super().__init__("no: the account or its password is another, or it is disabled or a service's")


@dataclass(frozen=True, slots=True)
class Session:
    """A standing session: whose, and until when."""

    account: Person
    expires_at: datetime


def sign_in(
    settings: Settings,
    name: str,
    password: str,
    *,
    uid: int | None = None,
    clock: Clock = system_clock,
    wait: Callable[[float], None] = time.sleep,
) -> Session:
    """Check a password as the MLflow server does, and open a session.

    Raises
    ------
    SignInRefused
        After a wait, and with a line in the ledger.
    """
    person = _person(settings, name)
    if person is None or not password_holds(settings, name, password):
        known = People(ledger_database(settings)).find(name)  # what is no account's name may be a password
        Ledger(ledger_database(settings), clock).append(NOBODY, "sign-in.refuse", known.name if known else NOBODY)
        wait(GUESS_SECONDS)
        raise SignInRefused
    Ledger(ledger_database(settings), clock).append(name, "sign-in.open", name)
    return open_session(settings, person, uid=uid, clock=clock)


def open_session(settings: Settings, person: Person, *, uid: int | None = None, clock: Clock = system_clock) -> Session:
    """Open a session for who has proven to be `person`, or was given the password in this very moment."""
    owner = os.getuid() if uid is None else uid
    expires = clock() + timedelta(hours=SESSION_HOURS)
    claims = {
        "account": person.name,
        "uid": owner,
        "expires_at": expires.isoformat(),
        "sign_in": sign_in_mark(settings, person.name),
    }
    key = read_secrets(settings.secrets_file).key_for(PURPOSE)
    _write(_file(settings, owner), json.dumps(sealed(claims, key)))
    return Session(person, expires)


def session_of(settings: Settings, *, uid: int | None = None, clock: Clock = system_clock) -> Session | None:
    """Return the standing session of this user of the operating system, None where nobody is signed in."""
    owner = os.getuid() if uid is None else uid
    text = _read(_file(settings, owner))
    claims = unsealed(text, read_secrets(settings.secrets_file).key_for(PURPOSE)) if text else None
    if claims is None or claims["uid"] != owner:
        return None
    expires = datetime.fromisoformat(claims["expires_at"])
    person = _person(settings, claims["account"])
    if person is None or expires <= clock() or claims["sign_in"] != sign_in_mark(settings, person.name):
        return None
    return Session(person, expires)


def sign_out(settings: Settings, *, uid: int | None = None) -> None:
    """End the session of this user of the operating system, if there is one."""
    _file(settings, os.getuid() if uid is None else uid).unlink(missing_ok=True)


def _person(settings: Settings, name: str) -> Person | None:
    """Return the person's account that may sign in; services act by programs, and sign in nowhere else."""
    person = People(ledger_database(settings)).find(name)
    if person is None or person.disabled or person.service or sign_in_mark(settings, name) is None:
        return None
    return person


def _file(settings: Settings, uid: int) -> Path:
    return settings.home.resolve() / "sessions" / f"{uid}.json"


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(mode=0o700, exist_ok=True)
    descriptor, aside = tempfile.mkstemp(dir=path.parent)  # readable by its owner alone
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
    Path(aside).replace(path)


def _read(path: Path) -> str | None:
    """Return the file's text; one that others may read or write, or a link, is none."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW)
    except OSError:
        return None
    with os.fdopen(descriptor, "rb") as file:
        about = os.fstat(file.fileno())
        if not stat.S_ISREG(about.st_mode) or about.st_mode & 0o077:
            return None
        return file.read().decode("utf-8", errors="replace")
