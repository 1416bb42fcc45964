"""What clients report back: reviews, outcomes and harm, put together for one service."""

from __future__ import annotations

from pathlib import Path

from fastapi import FastAPI
from sqlalchemy import Engine

from governance.harm_reports import HarmReports
from governance.outcomes import Outcomes
from governance.recorded import RecordedPredictions
from governance.reviews import Reviews
from governance.vault import Vault, namespace
from serving.keys import Keys
from serving.policy import ServingPolicy
from serving.reports.incidents_route import add_incidents_route
from serving.reports.outcomes_route import add_outcomes_route
from serving.reports.reviews_route import add_reviews_route
from serving.shelf import Shelf


def add_reporting_routes(
    app: FastAPI, engine: Engine, vault: Vault, shelf: Shelf, keys: Keys, policy: ServingPolicy, *, journals: Path
) -> None:
    """Add the routes by which clients report to `app`.

    Parameters
    ----------
    app
        The application.
    engine, vault
        The governance database, and the vault in it.
    shelf
        Tells the models, and whose ids their records have.
    keys
        Tell clients.
    policy
        Limits of a body.
    journals
        Folder in which predictions wait for the database.
    """

    def place(model: str) -> str | None:
        offer = shelf.offers.get(model)
        return namespace(shelf.standing(model).history.system, offer.spec.record_id) if offer else None

    recorded, limits = RecordedPredictions(engine, journals), policy.limits
    choices = {name: offer.policy.reviews.names for name, offer in shelf.offers.items()}
    add_reviews_route(app, Reviews(engine, vault, recorded), keys, choices, limits)
    add_outcomes_route(app, Outcomes(engine, vault, recorded, place), keys, limits)
    add_incidents_route(app, HarmReports(engine, vault, recorded), keys, tuple(shelf.offers), limits)
