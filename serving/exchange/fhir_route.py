"""FHIR over HTTP: scores asked as `RiskAssessment`, found again by their id, and errors as `OperationOutcome`."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, timedelta
from typing import Any

import msgspec
from anyio import to_thread
from fastapi import Depends, FastAPI, Request, Response

from caregate.clock import Clock, system_clock
from caregate.errors import CaregateError
from governance.client_key import Scope
from governance.predictions import Prediction
from governance.recorded import RecordedPredictions
from governance.reviews import UnknownPrediction
from governance.vault import Vault
from serving.asking import DECLARED, asks
from serving.body import decode, read_body
from serving.exchange.fhir import MEDIA_TYPE, Told, bundle, capabilities, operation_outcome, risk_assessment
from serving.keys import Keys
from serving.openapi import request_of
from serving.policy import ServingPolicy
from serving.problems import WITHIN
from serving.question import Answer, Question
from serving.scorer import Scorer
from serving.seen.metrics import Metrics
from serving.shelf import Shelf

RESOURCE = {MEDIA_TYPE: {"schema": {"type": "object"}}}
REFUSALS = (401, 403, 404, 408, 413, 422, 429)
FHIR_ANSWER: dict[int | str, dict[str, Any]] = {
    200: {"description": "FHIR R4", "content": RESOURCE},
    **{status: {"description": "OperationOutcome", "content": RESOURCE} for status in REFUSALS},
}
HORIZON = timedelta(days=30)
"""Of a readmission, as the label of the model says it."""


@dataclass(frozen=True)
class FhirParts:
    """What the routes of FHIR ask: scorer, shelf, recorded predictions, vault, keys, limits and metrics."""

    scorer: Scorer
    shelf: Shelf
    recorded: RecordedPredictions
    vault: Vault
    keys: Keys
    policy: ServingPolicy
    metrics: Metrics
    clock: Clock = system_clock


def add_fhir_routes(app: FastAPI, parts: FhirParts) -> None:
    """Add the routes of FHIR to `app`."""
    client_of, keyed = asks(parts.keys, Scope.SCORE), [Depends(DECLARED)]
    asked_for = {"requestBody": request_of(parts.shelf.offers.values(), parts.policy)}

    @app.get("/metadata", tags=["fhir"], responses=FHIR_ANSWER, response_class=Response)
    async def metadata() -> Response:
        """Tell what of FHIR is spoken here (CapabilityStatement)."""
        return _fhir(capabilities(parts.clock()))

    @app.post(
        "/v1/models/{model}/risk-assessments",
        tags=["fhir"],
        responses=FHIR_ANSWER,
        response_class=Response,
        dependencies=keyed,
        openapi_extra=asked_for,
    )
    async def assess(model: str, request: Request) -> Response:
        """Score the instances, as for predictions, and answer a Bundle of RiskAssessments."""

        async def answer() -> Response:
            client = await client_of(request)
            parts.shelf.offer(model)
            announced = request.headers.get("content-length", "").encode()
            asked = decode(await read_body(request.receive, announced, parts.policy.limits))
            parts.keys.charge(client, len(asked.instances))
            question = Question(client.name, asked.purpose, asked.instances, asked.reasons)
            answers = await to_thread.run_sync(parts.scorer.score, model, question)
            parts.metrics.predicted(model, answers)
            return _fhir(_assessed(parts, model, asked.instances, answers))

        return await in_fhir(answer)

    @app.get(
        "/v1/predictions/{prediction_id}/fhir",
        tags=["fhir"],
        responses=FHIR_ANSWER,
        response_class=Response,
        dependencies=keyed,
    )
    async def recorded(prediction_id: str, request: Request) -> Response:
        """Return a prediction that this client was given, as a RiskAssessment."""

        async def answer() -> Response:
            client = await client_of(request)
            found = await to_thread.run_sync(parts.recorded.find, prediction_id)
            if found is None or found.client != client.name:
                raise UnknownPrediction
            return _fhir(await to_thread.run_sync(_recorded, parts, found))

        return await in_fhir(answer)


async def in_fhir(answer: Callable[[], Awaitable[Response]]) -> Response:
    """Return what `answer` does; our errors below a fault as an `OperationOutcome`."""
    try:
        return await answer()
    except CaregateError as error:
        if error.status >= WITHIN:
            raise
        return _fhir(operation_outcome(error), error.status, getattr(error, "headers", None))


def _assessed(
    parts: FhirParts, model: str, instances: Sequence[Mapping[str, Any]], answers: Sequence[Answer]
) -> dict[str, Any]:
    spec, at = parts.shelf.offer(model).spec, parts.clock()
    told = [
        Told(
            prediction_id=answer.prediction_id,
            at=at,
            version=answer.model_version,
            score=answer.score,
            band=answer.band,
            meaning=answer.meaning,
            why=answer.why,
            reasons=[(reason.text, reason.contribution > 0) for reason in answer.reasons],
            range=answer.range,
            patient=instance.get("patient_id"),
            record=instance.get("record_id"),
            period=period_of(spec.table, instance),
        )
        for answer, instance in zip(answers, instances, strict=True)
    ]
    return bundle([risk_assessment(spec, item) for item in told], at)


def period_of(table: str, instance: Mapping[str, Any]) -> tuple[date, date] | None:
    """Return in which days the outcome is expected, where `instance`, which was read before, names the first one."""
    if table == "appointments" and instance.get("day"):
        day = date.fromisoformat(instance["day"])
        return day, day
    if table == "encounters" and instance.get("discharged_on"):
        day = date.fromisoformat(instance["discharged_on"])
        return day, day + HORIZON
    return None


def _recorded(parts: FhirParts, found: Prediction) -> dict[str, Any]:
    offer = parts.shelf.offer(found.model)
    names = parts.vault.identifiers([token for token in (found.patient, found.record) if token])
    meanings = {level.name: level.meaning for level in offer.policy.bands.levels}
    return risk_assessment(
        offer.spec,
        Told(
            prediction_id=found.prediction_id,
            at=found.at if found.at.tzinfo else found.at.replace(tzinfo=UTC),
            version=found.version,
            score=found.score,
            band=found.band,
            meaning=meanings.get(found.band or ""),
            why=found.why,
            reasons=[(reason["text"], reason["contribution"] > 0) for reason in found.reasons or ()],
            patient=names.get(found.patient or ""),
            record=names.get(found.record or ""),
        ),
    )


def _fhir(resource: Mapping[str, Any], status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    return Response(msgspec.json.encode(resource), status, dict(headers or {}), MEDIA_TYPE)
