"""The service of a home: everything that answers, put together from its settings."""

from __future__ import annotations

from dataclasses import dataclass

from fastapi import FastAPI
from sqlalchemy import Engine

from caregate.secret_store import read_secrets
from caregate.settings import Settings
from governance.client_key import ACTS
from governance.client_keys import ClientKeys
from governance.database import ledger_database
from governance.last_line import LastLine
from governance.predictions import Predictions
from governance.vault import Vault
from models.catalogue import SPECS
from serving.champions import ChampionSource
from serving.door import Door
from serving.http import create_app
from serving.keys import Keys
from serving.policy import ServingPolicy
from serving.rates import Pace, Rates
from serving.scorer import Scorer
from serving.shelf import Offer, Shelf
from serving.snapshots import SnapshotHistory
from serving.watcher import Watcher
from validation.policy import load_policy


@dataclass(frozen=True)
class Service:
    """A service that is ready to run: start the watcher, serve the application, stop the watcher."""

    app: FastAPI
    watcher: Watcher


def make_service(settings: Settings, policy: ServingPolicy, champions: ChampionSource) -> Service:
    """Put the service of a home together.

    Raises
    ------
    governance.database.LedgerMissing, caregate.secret_store.SecretsMissing
        If the home was not made by `caregate init`.
    """
    engine = ledger_database(settings)
    vault = Vault(engine, read_secrets(settings.secrets_file).vault_key_bytes)
    shelf = Shelf({spec.name: Offer(spec, load_policy(spec.name)) for spec in SPECS.values()})
    histories = SnapshotHistory(
        settings.snapshots_dir, threads=settings.threads, memory_limit_gb=settings.memory_limit_gb
    )
    watcher = Watcher(shelf, champions, histories, policy.watch)
    scorer = Scorer(shelf, Door(vault), Predictions(engine), policy)
    return Service(create_app(scorer, shelf, watcher, _keys(settings, engine, policy), policy), watcher)


def _keys(settings: Settings, engine: Engine, policy: ServingPolicy) -> Keys:
    pace = Pace(policy.rate.instances_per_second, policy.rate.burst_instances, policy.limits.instances)
    rates = Rates.shared(settings.serving_dir / "rates")
    return Keys(ClientKeys(engine), LastLine(engine, *ACTS), pace, rates=rates)
