"""A made-up clinic: a snapshot, two small versions of `no-show`, and a registry whose champion a test can swap."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import polars as pl

from caregate.clock import system_clock
from caregate.secret_store import new_secrets, read_secrets, write_secrets
from caregate.settings import Settings
from crm.deidentify import deidentify
from crm.snapshot import Snapshot, publish
from crm.source import RawTables
from governance.database import ledger_database, migrate
from governance.vault import Vault
from models import no_show
from models.artifact import FittedModel
from models.features import feature_rows, labelled
from models.training import fit
from registry.approvals import VersionKey
from registry.champion import Champion, Standing
from registry.digest import VersionManifest
from registry.promotions import Promotion
from serving.champions import NotServed

SYSTEM = "clinic-system"
NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)
PROMOTION = Promotion(VersionKey("no-show", 1, 0), "sha256:" + "1" * 64, "run", "recipe", "promoter", NOON, 1)
SITES = ("NORTH", "SOUTH", "other")


def champion(folder: Path, version: int, expires_at: datetime) -> Champion:
    """What the registry hands out for the model in `folder`."""
    manifest = VersionManifest("no-show", "ada", "operational", "sha256:" + "2" * 64, "sha256:" + "3" * 64, {})
    standing = Standing(("rita",), NOON, expires_at)
    return Champion("no-show", version, manifest.digest, folder, manifest, standing, PROMOTION, {"accuracy": "passed"})


class ToyChampions:
    """A registry that answers what a test put into it."""

    def __init__(self) -> None:
        self.standing: dict[str, Champion] = {}
        self.before: dict[str, Champion] = {}
        self.whys: dict[str, str] = {}
        self.down = False
        self._changes = 0

    def put(self, champion: Champion) -> None:
        if champion.model in self.standing:
            self.before[champion.model] = self.standing[champion.model]
        self.standing[champion.model] = champion
        self._changes += 1

    def withdraw(self, model: str, why: str) -> None:
        self.standing.pop(model, None)
        self.whys[model] = why
        self._changes += 1

    def mark(self, model: str) -> str:
        if self.down:
            raise OSError
        return str(self._changes)

    def champion(self, model: str) -> Champion:
        if model not in self.standing:
            raise NotServed(self.whys.get(model, "no version was promoted"))
        return self.standing[model]

    def previous(self, model: str) -> Champion | None:
        return self.before.get(model)


def make_home(home: Path) -> Settings:
    settings = Settings(home=home, user="tester")
    home.mkdir(parents=True, exist_ok=True)
    write_secrets(settings.secrets_file, new_secrets())
    migrate(settings.ledger_url)
    return settings


def vault_of(settings: Settings) -> Vault:
    return Vault(ledger_database(settings), read_secrets(settings.secrets_file).vault_key_bytes)


def appointments(rows: int, *, seed: int = 7) -> pl.DataFrame:
    """Made-up appointments with the clinic's own ids; the newest tenth is still ahead."""
    chance = np.random.default_rng(seed)
    start = datetime(2026, 1, 5, 8)  # noqa: DTZ001 - canonical moments have no zone
    booked = [start + timedelta(minutes=int(minute)) for minute in np.sort(chance.integers(0, 120 * 1440, rows))]
    lead = chance.integers(0, 30, rows)
    days = [(moment + timedelta(days=int(ahead))).date() for moment, ahead in zip(booked, lead, strict=True)]
    missed = chance.random(rows) < 0.1 + lead / 60
    ended = np.arange(rows) < rows * 0.9
    return pl.DataFrame(
        {
            "appointment_id": [f"A{number}" for number in range(rows)],
            "patient_id": [f"P{number}" for number in chance.integers(0, rows // 6, rows)],
            "booked_at": booked,
            "day": days,
            "site": chance.choice(SITES, rows),
            "age": chance.integers(0, 91, rows),
            "welfare": chance.random(rows) < 0.1,
            "hypertension": chance.random(rows) < 0.2,
            "diabetes": chance.random(rows) < 0.1,
            "alcoholism": chance.random(rows) < 0.1,
            "disabilities": chance.integers(0, 2, rows),
            "status": [
                ("noshow" if miss else "fulfilled") if end else "booked"
                for miss, end in zip(missed, ended, strict=True)
            ],
            "outcome_known_at": [
                datetime.combine(day, datetime.min.time()) + timedelta(days=1) if end else None
                for day, end in zip(days, ended, strict=True)
            ],
        }
    )


def publish_snapshot(settings: Settings, rows: pl.DataFrame) -> Snapshot:
    raw = RawTables(
        source=SYSTEM,
        source_digest="sha256:" + "1" * 64,
        tables={"appointments": rows, "patients": rows.select("patient_id").unique(maintain_order=True)},
        basis="synthetic",
        consent={"asked": "not-required", "reason": "made up"},
    )
    draft = deidentify(raw, vault_of(settings), owner="tester")
    return publish(settings.snapshots_dir, draft, clock=system_clock)


def features_of(snapshot: Snapshot, spill: Path):
    files = {name: snapshot.path(name) for name in ("patients", "appointments")}
    return feature_rows(no_show.SPEC, files, threads=1, memory_limit_gb=1, spill=spill)


def train(snapshot: Snapshot, folder: Path, *, rounds: int) -> FittedModel:
    spec = replace(no_show.SPEC, rounds=rounds)
    model = fit(spec, labelled(features_of(snapshot, folder)), seed=1, threads=1)
    model.save(folder)
    return model


def instance(row: dict) -> dict:
    """A row of `appointments` as the CRM sends it."""
    known = {name: value for name, value in row.items() if name not in ("status", "outcome_known_at")}
    known["record_id"] = known.pop("appointment_id")
    known["booked_at"] = known["booked_at"].isoformat()
    known["day"] = known["day"].isoformat()
    return known
