"""The parts of the OpenAPI document that follow from the canonical tables."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Any, Final, Literal

import pyarrow as pa
from fastapi import FastAPI
from pydantic import BaseModel

from models.spec import ModelSpec
from serving.fields import range_of, words_of
from serving.instances import fields_of, outcome_of, required_of
from serving.policy import Limits, ServingPolicy
from serving.problems import MEDIA_TYPE
from serving.shelf import Offer


class ReasonShown(BaseModel):
    """What moved a score: contribution in log-odds, exact, positive where it raises the score."""

    feature: str
    text: str
    contribution: float


class PredictionShown(BaseModel):
    """The answer for one instance; `why` says why the model abstained.

    `range` holds between which shares the outcome is to be expected at such a score, as far as the evidence of the
    version says; `meaning` is what the band means in the policy's words.
    """

    prediction_id: str
    status: Literal["scored", "abstained"]
    score: float | None
    range: tuple[float, float] | None
    band: str | None
    meaning: str | None
    reasons: list[ReasonShown]
    model_version: int | None
    why: str | None


class PredictionsShown(BaseModel):
    """One answer an instance, in their order."""

    model: str
    predictions: list[PredictionShown]


PREDICTIONS: Final = "/v1/models/{model}/predictions"
PROBLEM: Final[dict[str, Any]] = {
    "description": "Problem document (RFC 9457)",
    "content": {
        MEDIA_TYPE: {
            "schema": {
                "type": "object",
                "required": ["type", "title", "status", "detail"],
                "properties": {
                    "type": {"type": "string", "format": "uri"},
                    "title": {"type": "string"},
                    "status": {"type": "integer"},
                    "detail": {"type": "string"},
                    "pointer": {"type": "string", "description": "Where in the body (RFC 6901)"},
                },
            }
        }
    },
}


def problems(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Return the documentation of error answers."""
    return dict.fromkeys(statuses, PROBLEM)


def describe_predictions(app: FastAPI, offers: Iterable[Offer], policy: ServingPolicy) -> None:
    """Add the route for scores to the OpenAPI document of `app`, whose router does not know it."""
    standard, offered = app.openapi, list(offers)

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            document = standard()
            document["paths"] = {PREDICTIONS: {"post": _predictions(offered, policy)}, **document["paths"]}
            shown = PredictionsShown.model_json_schema(ref_template="#/components/schemas/{model}")
            schemas = document.setdefault("components", {}).setdefault("schemas", {})
            schemas |= shown.pop("$defs") | {PredictionsShown.__name__: shown}
        return app.openapi_schema or {}

    app.openapi = openapi  # type: ignore[method-assign]


def _predictions(offers: list[Offer], policy: ServingPolicy) -> dict[str, Any]:
    reference = {"$ref": f"#/components/schemas/{PredictionsShown.__name__}"}
    answer = {"description": "One answer an instance", "content": {"application/json": {"schema": reference}}}
    refusals = problems(401, 403, 404, 405, 408, 413, 422, 429, 500)
    return {
        "tags": ["scores"],
        "summary": "Predict",
        "description": "Score the instances, or abstain and say why.",
        "operationId": "predict",
        "security": [{"HTTPBearer": []}],
        "parameters": [{"name": "model", "in": "path", "required": True, "schema": {"type": "string"}}],
        "requestBody": request_of(offers, policy),
        "responses": {"200": answer} | {str(status): shown for status, shown in refusals.items()},
    }


def request_of(offers: Collection[Offer], policy: ServingPolicy) -> dict[str, Any]:
    """Return the documentation of a request for scores."""
    purposes = sorted({item.name for offer in offers for item in offer.policy.purposes.allowed})
    reasons = policy.reasons
    schema = {
        "type": "object",
        "additionalProperties": False,
        "required": ["purpose", "instances"],
        "properties": {
            "purpose": {"type": "string", "examples": purposes, "description": "Each model names those it allows."},
            "reasons": {
                "description": f"How many reasons each answer shall give; {reasons.shown} where it is left out.",
                "anyOf": [{"type": "integer", "minimum": 0, "maximum": reasons.most}, {"type": "null"}],
            },
            "instances": {
                "type": "array",
                "minItems": 1,
                "maxItems": policy.limits.instances,
                "items": {"anyOf": [_instance(offer, policy.limits) for offer in offers]},
            },
        },
    }
    return {"required": True, "content": {"application/json": {"schema": schema}}}


def _instance(offer: Offer, limits: Limits) -> dict[str, Any]:
    spec = offer.spec
    required = ", ".join(required_of(spec))
    return {
        "title": f"An instance of {spec.name}",
        "description": f"Without {required} the model abstains. Ids are the CRM's own.",
        "type": "object",
        "additionalProperties": False,
        "properties": {name: _property(name, field, spec, limits) for name, field in fields_of(spec).items()},
    }


def _property(name: str, field: pa.Field, spec: ModelSpec, limits: Limits) -> dict[str, Any]:
    meaning = (field.metadata or {}).get(b"meaning", b"").decode().replace("token of", "the CRM's own id of")
    if name in outcome_of(spec):
        return {"description": f"{meaning}; an outcome: taken and not used"}
    return {"description": meaning, "anyOf": [_kind(field, spec.table, limits), {"type": "null"}]}


def _kind(field: pa.Field, table: str, limits: Limits) -> dict[str, Any]:
    if pa.types.is_boolean(field.type):
        return {"type": "boolean"}
    if pa.types.is_integer(field.type):
        least, most = range_of(table, field)
        return {"type": "integer", "minimum": least, "maximum": most}
    if pa.types.is_timestamp(field.type):
        return {"type": "string", "format": "date-time"}
    if pa.types.is_date(field.type):
        return {"type": "string", "format": "date"}
    words = words_of(table, field)
    return {"type": "string", "enum": words} if words else {"type": "string", "maxLength": limits.text_characters}
