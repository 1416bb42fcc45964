"""The parts of the OpenAPI document that follow from the canonical tables."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final, Literal

import pyarrow as pa
from pydantic import BaseModel

from serving.fields import range_of, words_of
from serving.instances import OUTCOME, fields_of, required_of
from serving.policy import Limits
from serving.problems import MEDIA_TYPE
from serving.shelf import Offer


class ReasonShown(BaseModel):
    """What moved a score: contribution in log-odds, exact, positive where it raises the score."""

    feature: str
    text: str
    contribution: float


class PredictionShown(BaseModel):
    """The answer for one instance; `why` says why the model abstained."""

    prediction_id: str
    status: Literal["scored", "abstained"]
    score: float | None
    band: str | None
    reasons: list[ReasonShown]
    model_version: int | None
    why: str | None


class PredictionsShown(BaseModel):
    """One answer an instance, in their order."""

    model: str
    predictions: list[PredictionShown]


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


def request_body(offers: Iterable[Offer], limits: Limits) -> dict[str, Any]:
    """Return the documentation of a request for scores."""
    offered = list(offers)
    purposes = sorted({item.name for offer in offered for item in offer.policy.purposes.allowed})
    schema = {
        "type": "object",
        "additionalProperties": False,
        "required": ["purpose", "instances"],
        "properties": {
            "purpose": {"type": "string", "examples": purposes, "description": "Each model names those it allows."},
            "instances": {
                "type": "array",
                "minItems": 1,
                "maxItems": limits.instances,
                "items": {"anyOf": [_instance(offer, limits) for offer in offered]},
            },
        },
    }
    return {"requestBody": {"required": True, "content": {"application/json": {"schema": schema}}}}


def _instance(offer: Offer, limits: Limits) -> dict[str, Any]:
    spec = offer.spec
    required = ", ".join(required_of(spec.table, spec.record_id))
    return {
        "title": f"An instance of {spec.name}",
        "description": f"Without {required} the model abstains. Ids are the CRM's own.",
        "type": "object",
        "additionalProperties": False,
        "properties": {
            name: _property(name, field, spec.table, limits)
            for name, field in fields_of(spec.table, spec.record_id).items()
        },
    }


def _property(name: str, field: pa.Field, table: str, limits: Limits) -> dict[str, Any]:
    meaning = (field.metadata or {}).get(b"meaning", b"").decode().replace("token of", "the CRM's own id of")
    if name in OUTCOME.get(table, {}):
        return {"description": f"{meaning}; an outcome: taken and not used"}
    return {"description": meaning, "anyOf": [_kind(field, table, limits), {"type": "null"}]}


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
