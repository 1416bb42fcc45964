"""What other systems speak besides our own JSON: hooks of CRMs, FHIR and CDS Hooks, put together for one service."""

from __future__ import annotations

from fastapi import FastAPI
from sqlalchemy import Engine

from caregate.settings import Settings
from governance.recorded import RecordedPredictions
from governance.reviews import Reviews
from governance.vault import Vault
from serving.exchange.cds_hooks_route import CdsParts, add_cds_routes
from serving.exchange.fhir_route import FhirParts, add_fhir_routes
from serving.exchange.hooks_route import add_hooks_routes, hooks_of
from serving.keys import Keys
from serving.policy import ServingPolicy
from serving.scorer import Scorer
from serving.seen.metrics import Metrics
from serving.shelf import Shelf


def add_exchange_routes(
    app: FastAPI,
    settings: Settings,
    engine: Engine,
    vault: Vault,
    scorer: Scorer,
    shelf: Shelf,
    keys: Keys,
    policy: ServingPolicy,
    metrics: Metrics,
) -> None:
    """Add the routes for other systems to `app`.

    Parameters
    ----------
    app
        The application.
    settings
        Of the home: keys of hooks, and where snapshots and journals lie.
    engine, vault
        The governance database, and the vault in it.
    scorer, shelf
        What answers.
    keys
        Tell clients.
    policy
        Limits of a request.
    metrics
        Where answers are counted.
    """
    recorded = RecordedPredictions(engine, settings.journal_dir)
    choices = {name: offer.policy.reviews.names for name, offer in shelf.offers.items()}
    add_hooks_routes(app, hooks_of(settings, engine, vault), policy.limits)
    add_fhir_routes(app, FhirParts(scorer, shelf, recorded, vault, keys, policy, metrics))
    add_cds_routes(app, CdsParts(scorer, Reviews(engine, vault, recorded), choices, keys, policy, metrics))
