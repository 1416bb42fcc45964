"""A home whose CRM's records are known, and the two vendors."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from caregate.clock import fixed_clock
from caregate.secret_store import new_secrets, read_secrets, write_secrets
from caregate.settings import Settings
from crm.deidentify import deidentify
from crm.snapshot import publish
from crm.source import RawTables
from crm.write_back.batches import Model, WriteBackDesk
from governance.database import ledger_database, migrate
from governance.vault import Vault
from tests.crm.write_back.fake_capsule import TOKEN, FakeCapsule
from tests.crm.write_back.fake_lacrm import KEY, FakeLacrm

NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)
NO_SHOW = Model("no-show", "Missed appointments", "appointments", "appointment_id")
PATIENTS = ("4021", "4022", "4023")
REASON = '[{"feature": "lead_days", "text": "days between booking and appointment", "contribution": 0.62}]'


@dataclass
class Time:
    """A clock that only sleeping moves."""

    now: datetime = NOON
    slept: list[float] = field(default_factory=list)

    def clock(self) -> datetime:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += timedelta(seconds=seconds)


@dataclass
class Practice:
    """A home, its CRM and the file of scores."""

    settings: Settings
    scores: Path
    time: Time

    def desk(self, **other: Any) -> WriteBackDesk:
        return WriteBackDesk(self.settings, by="ada", clock=self.time.clock, sleep=self.time.sleep, **other)

    def token(self, patient: str) -> str:
        vault = Vault(ledger_database(self.settings), read_secrets(self.settings.secrets_file).vault_key_bytes)
        return vault.known("canonical/patient", [patient])[patient]

    def write_scores(self, *rows: tuple[str, str, float | None, str | None]) -> Path:
        frame = pl.DataFrame(
            [
                {
                    "record_id": record,
                    "status": status,
                    "score": score,
                    "band": band,
                    "reasons": REASON if band else "[]",
                    "model_version": 3,
                    "why": None if band else "suspended",
                }
                for record, status, score, band in rows
            ]
        )
        frame.write_csv(self.scores)
        return self.scores


def make_practice(folder: Path, *, asked: str = "not-required", **settings: Any) -> Practice:
    home = Settings(home=folder / "home", user="tester", **settings)
    home.home.mkdir()
    write_secrets(home.secrets_file, new_secrets())
    migrate(home.ledger_url)
    return furnish(home, folder, asked=asked)


def furnish(home: Settings, folder: Path, *, asked: str = "not-required") -> Practice:
    """Publish what the CRM knows, and lay a file of scores into `folder`."""
    rows = pl.DataFrame(
        {
            "appointment_id": [f"80{number}" for number in range(len(PATIENTS))],
            "patient_id": PATIENTS,
            "booked_at": [NOON.replace(tzinfo=None)] * len(PATIENTS),
            "day": [NOON.date()] * len(PATIENTS),
            "status": ["booked"] * len(PATIENTS),
        }
    )
    raw = RawTables(
        source="canonical",
        source_digest="sha256:" + "1" * 64,
        tables={"appointments": rows, "patients": rows.select("patient_id")},
        basis="synthetic",
        consent={"asked": asked, "reason": "made up"},
    )
    vault = Vault(ledger_database(home), read_secrets(home.secrets_file).vault_key_bytes)
    publish(home.snapshots_dir, deidentify(raw, vault, owner="tester"), clock=fixed_clock(NOON))
    practice = Practice(home, folder / "scores.csv", Time())
    practice.write_scores(
        ("800", "scored", 0.61, "high"), ("801", "scored", 0.2, "medium"), ("802", "abstained", None, None)
    )
    return practice


@pytest.fixture
def capsule() -> Iterator[FakeCapsule]:
    vendor = FakeCapsule()
    vendor.parties = set(PATIENTS)
    with vendor.running():
        yield vendor


@pytest.fixture
def lacrm() -> Iterator[FakeLacrm]:
    vendor = FakeLacrm()
    vendor.contacts = {patient: {"Name": "made up"} for patient in PATIENTS}
    with vendor.running():
        yield vendor


@pytest.fixture
def practice(tmp_path: Path, capsule: FakeCapsule) -> Practice:
    """A practice that has Capsule."""
    return make_practice(tmp_path, capsule_token=TOKEN, capsule_url=f"{capsule.address}/api/v2")


@pytest.fixture
def lacrm_practice(tmp_path: Path, lacrm: FakeLacrm) -> Practice:
    """A practice that has Less Annoying CRM."""
    return make_practice(tmp_path, lacrm_key=KEY, lacrm_url=f"{lacrm.address}/v2/")


@pytest.fixture
def write(practice: Practice) -> Callable[..., dict[str, int]]:
    """Write the practice's scores into Capsule and return what became of them."""

    def _write(**other: Any) -> dict[str, int]:
        outcome = practice.desk().write(NO_SHOW, target="capsule", scores=practice.scores, **other)
        return dict(outcome.ends)

    return _write
