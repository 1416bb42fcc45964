"""Making a home: databases, secrets and first accounts, filled aside and renamed, so that it is whole or not there."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

from caregate.clock import Clock, system_clock
from caregate.errors import BadInput
from caregate.secret_store import new_secrets, write_secrets
from caregate.settings import Settings
from governance.anchor_file import keep_anchor
from governance.client_keys import ClientKeys
from governance.database import ledger_database
from governance.ledger import Ledger
from governance.people import People, Role

FIRST_ENGINEER = "engineer"
FIRST_PEOPLE = {
    FIRST_ENGINEER: Role.ENGINEER,
    "reviewer": Role.REVIEWER,
    "clinician": Role.CLINICAL_REVIEWER,
    "auditor": Role.AUDITOR,
}
"""Accounts of a new home, one a role that signs in, so that every part can be tried at once."""
FIRST_CLIENT = "crm"


class HomeExists(BadInput):
    """There is something at the home's place already."""

    def __init__(self, home: Path) -> None:
        super().__init__(f"{home} exists and is not empty: name another home with --home, or use this one")


@dataclass(frozen=True, slots=True)
class Credential:
    """A generated secret, shown once; a person's or a client's is stored only as a hash."""

    account: str
    role: str
    secret: str


def is_home(settings: Settings) -> bool:
    """Return whether the home was made."""
    return settings.secrets_file.is_file()


def make_home(settings: Settings, *, clock: Clock = system_clock) -> list[Credential]:
    """Make the home and return the credentials of its first accounts.

    Raises
    ------
    HomeExists
        If the place is taken.
    """
    home = settings.home.resolve()
    if home.exists() and any(path.name != "caregate.toml" for path in home.iterdir()):
        raise HomeExists(settings.home)
    aside = home.with_name(f".{home.name}.partial")
    shutil.rmtree(aside, ignore_errors=True)
    aside.mkdir(parents=True, mode=0o700)
    try:
        if (home / "caregate.toml").is_file():
            shutil.copy2(home / "caregate.toml", aside)
        credentials = _furnish(settings.model_copy(update={"home": aside}), clock)
        if home.exists():
            shutil.rmtree(home)
        aside.rename(home)
    finally:
        shutil.rmtree(aside, ignore_errors=True)
    return credentials


def _furnish(settings: Settings, clock: Clock) -> list[Credential]:
    from registry.accounts import create_account, create_services
    from registry.authorship import system_user
    from registry.databases import prepare_databases

    secrets, by = new_secrets(), system_user()
    write_secrets(settings.secrets_file, secrets)
    prepare_databases(settings)
    engine = ledger_database(settings)
    Ledger(engine, clock).append(by, "home.make", "home")
    create_services(settings, secrets, by=by, clock=clock)
    credentials = [
        Credential(name, role.value, create_account(settings, name, role, by=by, clock=clock))
        for name, role in FIRST_PEOPLE.items()
    ]
    People(engine, clock).add(FIRST_CLIENT, Role.CRM, by=by, service=True)
    key = ClientKeys(engine, clock).issue(FIRST_CLIENT, by=by)
    keep_anchor(settings, clock, anew=True)
    engine.dispose()
    prefect = Credential("prefect", "Prefect's UI", secrets.prefect_sign_in)
    return [*credentials, Credential(FIRST_CLIENT, Role.CRM.value, key), prefect]
