"""What MLflow keeps of a person's sign-in, read without starting MLflow."""

from __future__ import annotations

import hashlib

from sqlalchemy import text
from sqlalchemy.exc import OperationalError
from werkzeug.security import check_password_hash

from caregate.settings import Settings
from governance.database import open_database
from registry.launch import sign_in_database

PASSWORD_HASH = text("SELECT password_hash FROM users WHERE username = :name")


def password_holds(settings: Settings, account: str, password: str) -> bool:
    """Tell whether this is the account's password, by the very check that the MLflow server makes."""
    kept = _password_hash(settings, account)
    return kept is not None and check_password_hash(kept, password)


def sign_in_mark(settings: Settings, account: str) -> str | None:
    """Return a digest that changes when the account's password is set anew, None where it does not sign in."""
    kept = _password_hash(settings, account)
    return hashlib.sha256(kept.encode()).hexdigest() if kept else None


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
