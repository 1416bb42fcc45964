from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path

import pytest
from sqlalchemy import Engine

from crm.outreach.desk import Clinic, Desk
from crm.outreach.medium import Medium
from crm.outreach.patient_words import PatientBook
from crm.outreach.policy import OutreachPolicy, load_outreach_policy
from governance.consents import Consents
from governance.database import migrate, open_database
from governance.seals import with_key

KEY = b"k" * 32
NOON = datetime(2026, 5, 11, 12, tzinfo=UTC)
_numbers = count(1)


class Hand:
    """A clock that stands where a test puts it."""

    def __init__(self, now: datetime = NOON) -> None:
        self.now = now

    def __call__(self) -> datetime:
        return self.now

    def on(self, **by: float) -> None:
        self.now += timedelta(**by)


@pytest.fixture(scope="session")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Engine:
    url = f"sqlite:///{tmp_path_factory.mktemp('outreach') / 'ledger.db'}"
    migrate(url)
    return with_key(open_database(url), KEY)


@pytest.fixture
def clock() -> Hand:
    return Hand()


@pytest.fixture(scope="session")
def policy() -> OutreachPolicy:
    return load_outreach_policy()


@pytest.fixture
def book(engine: Engine, clock: Hand) -> PatientBook:
    return PatientBook(engine, clock)


@pytest.fixture
def desk(engine: Engine, policy: OutreachPolicy, clock: Hand) -> Desk:
    return desk_at(engine, policy, clock)


@pytest.fixture
def new_patient(engine: Engine) -> Callable[..., str]:
    """Makes a patient who agreed to some channels."""

    def make(*media: Medium) -> str:
        token = f"patient-{next(_numbers)}"
        agree(engine, token, *media)
        return token

    return make


def desk_at(engine: Engine, policy: OutreachPolicy, clock: Hand) -> Desk:
    return Desk(engine, policy, Clinic("Test Clinic", "call 555 0100", "UTC"), KEY, clock)


def agree(engine: Engine, token: str, *media: Medium) -> None:
    consents = Consents(engine)
    for purpose in ("contact", *(medium.purpose for medium in media)):
        consents.grant(token, purpose, by="ada")


def home_of(engine: Engine) -> Path:
    return Path(str(engine.url.database)).parent
