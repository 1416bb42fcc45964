"""Accounts: one act makes a person known to the ledger and to MLflow's sign-in, whether or not the server runs."""

from __future__ import annotations

import re
import secrets as chance
import warnings
from typing import Any

from caregate.clock import Clock, system_clock
from caregate.errors import BadInput
from caregate.secret_store import Secrets
from caregate.settings import Settings
from governance.client_keys import ClientKeys
from governance.database import ledger_database
from governance.ledger import Ledger
from governance.people import AccountExists, People, Role, UnknownAccount
from registry import names
from registry.launch import sign_in_database
from registry.policy import RESET
from registry.sign_ins import sign_in_mark

NAME = re.compile(r"[a-z0-9][a-z0-9._@-]{0,99}")
EVERYTHING = "*"

SIGNS = (("registered_model", "READ"), ("registered_model_version", "EDIT"))
GRANTS: dict[str, tuple[tuple[str, str], ...]] = {
    Role.ENGINEER: SIGNS,  # so that an author who tries meets the rule in words, and the ledger a line
    Role.REVIEWER: SIGNS,
    Role.CLINICAL_REVIEWER: SIGNS,
    Role.PROMOTER: (("registered_model", "MANAGE"),),  # to take an alias away MLflow asks for no less
    names.PIPELINE: (("experiment", "MANAGE"), ("registered_model", "EDIT")),
}
"""What MLflow's own permissions add to reading; the guarded store decides in the end."""
SERVICE_ROLES = {names.ADMIN: Role.ADMIN, names.PIPELINE: Role.ENGINEER, names.PROMOTER: Role.PROMOTER}


class UnfitName(BadInput):
    """A name that no account can have."""

    def __init__(self) -> None:
        super().__init__("an account's name is 1 to 100 of a-z, 0-9 and . _ @ - and starts with a letter or digit")


class NoSignIn(BadInput):
    """A role that does not sign in to MLflow."""

    def __init__(self, role: Role) -> None:
        super().__init__(f"the role {role} does not sign in: it is a service's, or uses a key of the scoring API")


class NoPasswordToReset(BadInput):
    """An account that is disabled, or that no person signs in by."""

    def __init__(self, name: str) -> None:
        super().__init__(f"{name} has no password to reset: it is disabled, or not a person's; add another account")


class NeededByServers(BadInput):
    """A service account of the home itself."""

    def __init__(self, name: str) -> None:
        super().__init__(f"{name} is an account that the home's own servers act by: it stays")


def create_client(settings: Settings, name: str, *, by: str, clock: Clock = system_clock) -> str:
    """Make an account for a client of the scoring API and return its key, which is stored only as a hash.

    Raises
    ------
    UnfitName
        If it is no account's name.
    AccountExists
        If the name was ever used.
    """
    if not NAME.fullmatch(name):
        raise UnfitName
    if name in (*names.SERVICES, names.UNPROVEN):
        raise AccountExists(name)
    People(ledger_database(settings), clock).add(name, Role.CRM, by=by, service=True)
    return ClientKeys(ledger_database(settings), clock).issue(name, by=by)


def create_account(settings: Settings, name: str, role: Role, *, by: str, clock: Clock = system_clock) -> str:
    """Make an account for a person and return its password, which is stored only as MLflow's hash.

    Raises
    ------
    UnfitName, NoSignIn
        If the name or the role cannot have one.
    AccountExists
        If the name was ever used.
    """
    if not NAME.fullmatch(name):
        raise UnfitName
    if role in (Role.CRM, Role.PROMOTER):
        raise NoSignIn(role)
    people = People(ledger_database(settings), clock)
    if people.find(name) or name in (*names.SERVICES, names.UNPROVEN):
        raise AccountExists(name)
    password = chance.token_urlsafe(15)
    _write_sign_in(settings, name, password, GRANTS.get(role, ()))  # known to MLflow alone, nobody may do anything
    people.add(name, role, by=by, sign_in=sign_in_mark(settings, name) or "")
    return password


def create_services(settings: Settings, secrets: Secrets, *, by: str, clock: Clock = system_clock) -> None:
    """Make the service accounts, with the passwords of the home's secrets; those that stand are left alone."""
    passwords = {
        names.ADMIN: secrets.admin_password,
        names.PIPELINE: secrets.pipeline_password,
        names.PROMOTER: secrets.promoter_password,
    }
    people = People(ledger_database(settings), clock)
    for name, role in SERVICE_ROLES.items():
        grants = GRANTS.get(name, GRANTS.get(role, ()))
        _write_sign_in(settings, name, passwords[name], grants, is_admin=name == names.ADMIN)
        if people.find(name) is None:
            people.add(name, role, by=by, service=True)


def disable_account(settings: Settings, name: str, *, by: str, clock: Clock = system_clock) -> None:
    """Disable an account for good: it signs nothing from now on, and signs in no more.

    Raises
    ------
    UnknownAccount, NeededByServers
        If no account has this name, or a service of the home has.
    """
    if name in names.SERVICES:
        raise NeededByServers(name)
    People(ledger_database(settings), clock).disable(name, by=by)
    store = sign_in_store(settings)
    if store.has_user(name):
        store.delete_user(name)


def reset_account(settings: Settings, name: str, *, by: str, clock: Clock = system_clock) -> str:
    """Give a person a new password and return it: they approve nothing until they have changed it themselves.

    Raises
    ------
    UnknownAccount, NoPasswordToReset
        If no account has this name, or it is disabled or not a person's.
    """
    governance = ledger_database(settings)
    person = People(governance, clock).find(name)
    if person is None:
        raise UnknownAccount(name)
    if person.disabled or person.service:
        raise NoPasswordToReset(name)
    password = chance.token_urlsafe(15)
    _write_sign_in(settings, name, password, GRANTS.get(person.role, ()))
    mark = sign_in_mark(settings, name) or ""  # without its line the password opens nothing, and nobody saw it yet
    Ledger(governance, clock).append(by, RESET, name, digest=mark)
    return password


def _write_sign_in(
    settings: Settings, name: str, password: str, grants: tuple[tuple[str, str], ...], *, is_admin: bool = False
) -> None:
    store = sign_in_store(settings)
    if store.has_user(name):
        store.update_user(name, password=password, is_admin=is_admin)
    else:
        store.create_user(name, password, is_admin=is_admin)
    for resource, permission in grants:
        store.grant_user_permission(name, resource, EVERYTHING, permission)


def sign_in_store(settings: Settings) -> Any:
    """Open MLflow's own store of sign-ins, as it stands in the home, past the server and its rules."""
    with warnings.catch_warnings():  # of MLflow's own imports: starlette's WSGI bridge is deprecated
        warnings.simplefilter("ignore")
        from mlflow.server.auth.sqlalchemy_store import SqlAlchemyStore
    settings.mlflow_dir.mkdir(parents=True, exist_ok=True)
    store = SqlAlchemyStore()
    store.init_db(f"sqlite:///{sign_in_database(settings)}")
    return store
