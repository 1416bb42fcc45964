"""A home with a synthetic snapshot and a run of each model, made by the stages alone."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from caregate.clock import fixed_clock
from caregate.secret_store import new_secrets, read_secrets, write_secrets
from caregate.settings import Settings
from crm.deidentify import deidentify
from crm.snapshot import Snapshot, publish
from crm.sources.synthetic import SyntheticSource
from governance.database import ledger_database, migrate
from governance.vault import Vault
from models.catalogue import SPECS
from registry.candidate import Candidate
from registry.stages import check_content, fit_model, judge_run, make_features, open_job

ROWS = 12_000
NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)


@pytest.fixture(scope="session")
def explored(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """A new home, as `caregate init` leaves it but for the accounts."""
    settings = Settings(home=tmp_path_factory.mktemp("explored"), user="ada", threads=2)
    write_secrets(settings.secrets_file, new_secrets())
    migrate(settings.ledger_url)
    return settings


@pytest.fixture(scope="session")
def snapshot(explored: Settings) -> Snapshot:
    vault = Vault(ledger_database(explored), read_secrets(explored.secrets_file).vault_key_bytes)
    draft = deidentify(SyntheticSource(rows=ROWS).read(), vault, owner="ada")
    return publish(explored.snapshots_dir, draft, clock=fixed_clock(NOON))


@pytest.fixture(scope="session")
def runs(explored: Settings, snapshot: Snapshot) -> dict[str, Candidate]:
    """The candidate of each model."""
    return {name: _run(explored, name, snapshot) for name in SPECS}


def _run(settings: Settings, model: str, snapshot: Snapshot) -> Candidate:
    job = open_job(settings, model, snapshot=snapshot.manifest.digest, author="ada")
    check_content(job)
    make_features(job)
    fit_model(job)
    return judge_run(job)


@pytest.fixture(scope="session")
def notebooks() -> Path:
    return Path(__file__).parents[2] / "notebooks"
