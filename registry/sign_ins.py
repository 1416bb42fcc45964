"""What MLflow keeps of a person's sign-in, read without starting MLflow."""

from __future__ import annotations

import hashlib

from sqlalchemy import text
from sqlalchemy.exc import OperationalError
from werkzeug.security import check_password_hash

from caregate.settings import Settings
from governance.database import ledger_database, open_database
from governance.ledger import Ledger
from governance.people import ADDED
from registry.launch import sign_in_database
from registry.policy import OWN_PASSWORD, RESET

PASSWORD_HASH = text("SELECT password_hash FROM users WHERE username = :name")


def password_holds(settings: Settings, account: str, password: str) -> bool:
    """Tell whether this is the account's password, by the very check that the MLflow server makes."""
    kept = _password_hash(settings, account)
    if kept is None or not check_password_hash(kept, password):
        return False
    return is_of_the_ledger(Ledger(ledger_database(settings)), account, kept)


def is_of_the_ledger(ledger: Ledger, account: str, kept: str) -> bool:
    """Tell whether what is kept of a password came there by an act of the ledger; a service's is the home's secret."""
    last = next(ledger.sealed(ADDED, RESET, OWN_PASSWORD, subject=account, newest_first=True), None)
    return last is not None and (last.facts.get("service") is True or last.digest == mark_of(kept))


def mark_of(kept: str) -> str:
    """Return a digest of what is kept of a password."""
    return f"sha256:{hashlib.sha256(kept.encode()).hexdigest()}"


def sign_in_mark(settings: Settings, account: str) -> str | None:
    """Return a digest that changes when the account's password is set anew, None where it does not sign in."""
    kept = _password_hash(settings, account)
    return mark_of(kept) if kept else None


def _password_hash(settings: Settings, account: str) -> str | None:
    database = sign_in_database(settings)
    if not database.is_file():
        return None
    try:
        with open_database(f"sqlite:///{database}").connect() as connection:
            kept = connection.execute(PASSWORD_HASH, {"name": account}).scalar_one_or_none()
    except OperationalError:  # made, but not filled yet
        return None
    return str(kept) if kept else None
