"""The scoring API over HTTP: reads requests, asks the scorer, writes answers. It holds no rule of its own."""

from threading import Event
from typing import Annotated, Any

import msgspec
from fastapi import Depends, FastAPI, Query, Response
from prometheus_client import CONTENT_TYPE_LATEST
from starlette.types import ASGIApp

from governance.client_key import Scope
from serving.asking import asks
from serving.guard import Guard
from serving.keys import Client, Keys
from serving.openapi import describe_predictions, problems
from serving.policy import ServingPolicy
from serving.predictions_route import Front, PredictionsRoute
from serving.problems import add_problem_handlers
from serving.scorer import Scorer
from serving.seen.metrics import Metrics
from serving.shelf import Shelf
from serving.watcher import Watcher

JSON = "application/json"
LEAVING = "the service was told to stop"


def create_app(
    shelf: Shelf,
    watcher: Watcher,
    keys: Keys,
    policy: ServingPolicy,
    *,
    metrics: Metrics,
    leaving: Event,
) -> FastAPI:
    """Return the application for everything but scores; `put_scores_before` answers these.

    Parameters
    ----------
    shelf
        What answers.
    watcher
        Keeps the shelf true; started and stopped by whoever runs the application.
    keys
        Tells clients.
    policy
        Limits of a request.
    metrics
        Where requests and answers are counted.
    leaving
        Set once the service was told to stop: it is not ready from then on.
    """
    app = FastAPI(title="Caregate scoring", version="1", docs_url=None, redoc_url=None)
    app.add_middleware(Guard, metrics=metrics, shelf=shelf, policy=policy.logs)
    add_problem_handlers(app)
    _add_health(app, shelf, watcher, metrics, leaving)
    _add_models(app, shelf, keys)
    describe_predictions(app, shelf.offers.values(), policy)
    return app


def put_scores_before(
    app: FastAPI, scorer: Scorer, shelf: Shelf, keys: Keys, policy: ServingPolicy, metrics: Metrics
) -> ASGIApp:
    """Return the whole application: scores first, without FastAPI's layers, and `app` for all else."""
    scores = PredictionsRoute(scorer, shelf, keys, policy, metrics)
    return Front(Guard(scores, metrics=metrics, shelf=shelf, policy=policy.logs), app)


def _add_health(app: FastAPI, shelf: Shelf, watcher: Watcher, metrics: Metrics, leaving: Event) -> None:
    @app.get("/healthz", tags=["health"])
    async def alive() -> dict[str, str]:
        """Tell that the process answers."""
        return {"status": "alive"}

    @app.get("/readyz", tags=["health"], responses=problems(404) | {503: {"description": "Not ready"}})
    async def ready(model: Annotated[str | None, Query(description="Ask for one model only.")] = None) -> Response:
        """Tell for each model whether a version of it answers, and why not."""
        asked = [shelf.offer(model).spec.name] if model is not None else list(shelf.offers)
        standings = {name: shelf.standing(name) for name in asked}
        models = {name: "ready" if standing.served else standing.why for name, standing in standings.items()}
        if leaving.is_set():
            models = dict.fromkeys(models, LEAVING)
        is_ready = watcher.fresh and not leaving.is_set() and any(standing.served for standing in standings.values())
        return _json({"ready": is_ready, "models": models}, 200 if is_ready else 503)

    @app.get("/metrics", tags=["health"], include_in_schema=False)
    async def measured() -> Response:
        """Return the metrics in Prometheus' text format."""
        return Response(metrics.page(shelf), headers={"Content-Type": CONTENT_TYPE_LATEST})


def _add_models(app: FastAPI, shelf: Shelf, keys: Keys) -> None:
    describing = Annotated[Client, Depends(asks(keys, Scope.DESCRIBE))]

    @app.get("/v1/models/{model}", tags=["models"], responses=problems(401, 403, 404, 429))
    async def describe(model: str, _asked_by: describing) -> Response:
        """Tell of the version that answers: its gates, who signed it and until when."""
        served = shelf.standing(model).served
        return _json(served.summary if served else {"model": model, "version": None, "why": shelf.standing(model).why})


def _json(value: Any, status: int = 200) -> Response:
    return Response(msgspec.json.encode(value), status, media_type=JSON)
