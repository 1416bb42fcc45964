"""The service of a home: everything that answers, put together from its settings."""

from __future__ import annotations

from dataclasses import dataclass
from threading import Event

from fastapi import FastAPI
from sqlalchemy import Engine

from caregate.secret_store import read_secrets
from caregate.settings import Settings
from governance.client_key import ACTS
from governance.client_keys import ClientKeys
from governance.consent_book import ConsentBook
from governance.database import ledger_database
from governance.last_line import LastLine
from governance.prediction_journal import PredictionJournal
from governance.predictions import Predictions
from governance.vault import Vault
from models.catalogue import SPECS
from serving.champions import ChampionSource
from serving.door import Door
from serving.http import create_app
from serving.keys import Keys
from serving.outreach import names_sender
from serving.policy import ServingPolicy
from serving.rates import Pace, Rates
from serving.scorer import Scorer
from serving.shelf import Offer, Shelf
from serving.snapshots import SnapshotHistory
from serving.watcher import Watcher
from serving.worklist_page import WorklistPages
from serving.worklists import Worklists
from serving.worklists_route import add_worklist_routes
from validation.policy import load_policy


@dataclass(frozen=True)
class Service:
    """A service that is ready to run: start the watcher, serve the application, stop the watcher, close the journal.

    Attributes
    ----------
    app, watcher, journal
        What answers, keeps it true, and takes down what was answered.
    leaving
        To be set when the service is told to stop.
    """

    app: FastAPI
    watcher: Watcher
    journal: PredictionJournal
    leaving: Event


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
    journal = PredictionJournal(settings.journal_dir, engine, policy.journal.limits)
    scorer = Scorer(shelf, Door(vault), ConsentBook(engine), journal, policy)
    keys, leaving = _keys(settings, engine, policy), Event()
    app = create_app(scorer, shelf, watcher, keys, policy, leaving=leaving)
    worklists = Worklists(settings, shelf.standing, policy)
    pages = WorklistPages(worklists, vault, Predictions(engine), named=names_sender(settings))
    add_worklist_routes(app, pages, keys)
    return Service(app, watcher, journal, leaving)


def _keys(settings: Settings, engine: Engine, policy: ServingPolicy) -> Keys:
    pace = Pace(policy.rate.instances_per_second, policy.rate.burst_instances, policy.limits.instances)
    rates = Rates.shared(settings.serving_dir / "rates")
    return Keys(ClientKeys(engine), LastLine(engine, *ACTS), pace, rates=rates)
