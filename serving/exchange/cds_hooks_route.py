"""CDS Hooks over HTTP: discovery, services and feedback."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

import msgspec
from anyio import to_thread
from fastapi import Depends, FastAPI, Request, Response

from caregate.clock import Clock, system_clock
from caregate.errors import NotFound
from governance.client_key import Scope
from governance.review import Decision, Verdict
from governance.reviews import Reviews
from serving.asking import DECLARED, asks
from serving.body import read_body
from serving.exchange.cds_hooks import Feedback, MalformedHook, cards, instances_of, read_call, read_feedback, reason_of
from serving.exchange.cds_services import CdsService, cds_services
from serving.exchange.fhir import prediction_id_of
from serving.keys import Keys
from serving.openapi import problems
from serving.policy import ServingPolicy
from serving.question import Question
from serving.scorer import Scorer
from serving.seen.metrics import Metrics

OBJECT: dict[str, Any] = {
    "requestBody": {"required": True, "content": {"application/json": {"schema": {"type": "object"}}}}
}
OUTCOMES = {"accepted": Verdict.AGREE, "overridden": Verdict.OVERRIDE}
DECIDED, SOMEBODY = "other", "cds-client"
"""What feedback leaves open: what was done, and which person did it."""


class UnknownService(NotFound):
    """No CDS service has this id."""

    def __init__(self) -> None:
        super().__init__("no CDS service has this id: GET /cds-services names them")


@dataclass(frozen=True)
class CdsParts:
    """What the services ask: scorer, reviews with what can be decided by model, keys, limits and metrics."""

    scorer: Scorer
    reviews: Reviews
    choices: Mapping[str, Collection[str]]
    keys: Keys
    policy: ServingPolicy
    metrics: Metrics
    clock: Clock = system_clock


def add_cds_routes(app: FastAPI, parts: CdsParts) -> None:
    """Add the routes of CDS Hooks to `app`."""
    services = cds_services()
    scoring, reviewing = asks(parts.keys, Scope.SCORE), asks(parts.keys, Scope.REVIEW)
    keyed = [Depends(DECLARED)]

    @app.get("/cds-services", tags=["cds-hooks"])
    async def discover() -> dict[str, list[dict[str, Any]]]:
        """Name the services, with what they want sent along."""
        return {"services": [service.described() for service in services.values()]}

    @app.post(
        "/cds-services/{service_id}",
        tags=["cds-hooks"],
        responses=problems(401, 403, 404, 408, 413, 422, 429),
        openapi_extra=OBJECT,
        dependencies=keyed,
    )
    async def call(service_id: str, request: Request) -> Response:
        """Answer a hook with cards; none where there is nothing to say."""
        client = await scoring(request)
        service = _known(services, service_id)
        asked = read_call(await _body(request, parts), service.hook)
        instances = instances_of(asked, now=parts.clock())
        if not instances:
            return _json({"cards": []})
        parts.keys.charge(client, len(instances))
        question = Question(client.name, service.purpose, instances)
        answers = await to_thread.run_sync(parts.scorer.score, service.model, question)
        parts.metrics.predicted(service.model, answers)
        return _json({"cards": cards(service, answers)})

    @app.post(
        "/cds-services/{service_id}/feedback",
        tags=["cds-hooks"],
        responses=problems(401, 403, 404, 408, 413, 422, 429),
        openapi_extra=OBJECT,
        dependencies=keyed,
    )
    async def feedback(service_id: str, request: Request) -> Response:
        """Record what people did with cards, as reviews of the predictions behind them."""
        client = await reviewing(request)
        _known(services, service_id)
        told = read_feedback(await _body(request, parts))
        await to_thread.run_sync(_record, parts, client.name, told)
        return _json({})


def _record(parts: CdsParts, client: str, told: tuple[Feedback, ...]) -> None:
    for at, item in enumerate(told):
        prediction = prediction_id_of(item.card)
        verdict = OUTCOMES.get(item.outcome)
        if prediction is None or verdict is None:
            raise MalformedHook(f"/feedback/{at}")
        comment = item.overrideReason.userComment if item.overrideReason else None
        decision = Decision(
            verdict=verdict,
            decided=DECIDED,
            reviewer=SOMEBODY,
            reason=reason_of(item) if verdict is Verdict.OVERRIDE else None,
            note=comment or None,
        )
        parts.reviews.record(prediction, decision, client=client, choices=parts.choices)


def _known(services: Mapping[str, CdsService], service_id: str) -> CdsService:
    if service_id not in services:
        raise UnknownService
    return services[service_id]


async def _body(request: Request, parts: CdsParts) -> bytes:
    announced = request.headers.get("content-length", "").encode()
    return await read_body(request.receive, announced, parts.policy.limits)


def _json(value: Any) -> Response:
    return Response(msgspec.json.encode(value), media_type="application/json")
