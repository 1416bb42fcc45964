"""The service of a home: everything that answers, put together from its settings."""

from __future__ import annotations

from dataclasses import dataclass
from threading import Event

from sqlalchemy import Engine
from starlette.types import ASGIApp

from caregate.secret_store import read_secrets
from caregate.settings import Settings
from governance.client_key import ACTS
from governance.client_keys import ClientKeys
from governance.consent_book import ConsentBook
from governance.database import ledger_database
from governance.key_refusals import PURPOSE, KeyRefusals
from governance.last_line import LastLine
from governance.prediction_journal import PredictionJournal
from governance.predictions import Predictions
from governance.vault import vault_of
from models.catalogue import SPECS
from serving.champions import ChampionSource
from serving.door import Door
from serving.exchange.joined import add_exchange_routes
from serving.http import create_app, put_scores_before
from serving.keys import Keys
from serving.known.snapshots import snapshot_history
from serving.outreach.page import WorklistPages
from serving.outreach.route import add_worklist_routes
from serving.outreach.sender import names_sender
from serving.outreach.worklists import Worklists
from serving.policy import ServingPolicy
from serving.rates import Pace, Rates
from serving.refusals import Refusals
from serving.reports.joined import add_reporting_routes
from serving.scorer import Scorer
from serving.seen.gauges import measure
from serving.seen.metrics import Metrics
from serving.seen.rounds import Rounds, Timed
from serving.shelf import Offer, Shelf
from serving.watcher import Watcher
from validation.policy import load_policy


@dataclass(frozen=True)
class Service:
    """A service that is ready to run: start the watcher, serve the application, stop the watcher, close the journal.

    Attributes
    ----------
    app, watcher, journal
        What answers, keeps it true, and takes down what was answered.
    rounds
        What is done every few seconds beside; started and stopped with the watcher.
    leaving
        To be set when the service is told to stop.
    """

    app: ASGIApp
    watcher: Watcher
    journal: PredictionJournal
    rounds: Rounds
    leaving: Event


def make_service(settings: Settings, policy: ServingPolicy, champions: ChampionSource) -> Service:
    """Put the service of a home together.

    Raises
    ------
    governance.database.LedgerMissing, caregate.secret_store.SecretsMissing
        If the home was not made by `caregate init`.
    """
    engine, secrets = ledger_database(settings), read_secrets(settings.secrets_file)
    vault = vault_of(settings)
    shelf = Shelf({spec.name: Offer(spec, load_policy(spec.name)) for spec in SPECS.values()})
    histories = snapshot_history(settings, stores=settings.serving_dir / "rows")
    watcher = Watcher(shelf, champions, histories, policy.watch)
    journal = PredictionJournal(settings.journal_dir, engine, policy.journal.limits)
    book, metrics, leaving = ConsentBook(engine), Metrics(), Event()
    scorer = Scorer(shelf, Door(vault), book, journal, policy)
    refusals, consents = Refusals(KeyRefusals(engine), secrets.key_for(PURPOSE), metrics.refused), Timed(book.refresh)
    measure(metrics, shelf, journal, consents)
    rounds = Rounds([consents, refusals.write, lambda: metrics.look(shelf)])
    keys = _keys(settings, engine, policy, refusals)
    app = create_app(shelf, watcher, keys, policy, metrics=metrics, leaving=leaving)
    worklists = Worklists(settings, shelf.standing, policy)
    pages = WorklistPages(worklists, vault, Predictions(engine), named=names_sender(settings))
    add_worklist_routes(app, pages, keys)
    add_reporting_routes(app, engine, vault, shelf, keys, policy, journals=settings.journal_dir)
    add_exchange_routes(app, settings, engine, vault, scorer, shelf, keys, policy, metrics)
    return Service(put_scores_before(app, scorer, shelf, keys, policy, metrics), watcher, journal, rounds, leaving)


def _keys(settings: Settings, engine: Engine, policy: ServingPolicy, refusals: Refusals) -> Keys:
    pace = Pace(policy.rate.instances_per_second, policy.rate.burst_instances, policy.limits.instances)
    rates = Rates.shared(settings.serving_dir / "rates")
    return Keys(ClientKeys(engine), LastLine(engine, *ACTS), pace, rates=rates, refused=refusals)
