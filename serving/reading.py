"""Bodies of the routes by which clients report: read up to a limit, held to their model, documented by it."""

from __future__ import annotations

from collections.abc import Collection
from typing import Annotated, Any, TypeVar

from fastapi import Header, Request
from pydantic import TypeAdapter, ValidationError

from serving.body import read_body
from serving.fields import MalformedRequest
from serving.openapi import problems
from serving.policy import Limits

Body = TypeVar("Body")
ASCII_ID = r"^[!-~]{1,200}$"
"""Signs of ASCII without blanks."""
OnceKey = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key",
        pattern=ASCII_ID,
        description="Your name for this report: sent again under it, it is written once.",
    ),
]


async def read_json(request: Request, model: TypeAdapter[Body], limits: Limits) -> Body:
    """Return the body of `request` as `model` reads it.

    Raises
    ------
    MalformedRequest
        If it has another form; the message says where, and repeats nothing of it.
    serving.body.TooLarge, serving.body.TooSlow
        If it is more than `limits` let, or takes longer.
    """
    announced = request.headers.get("content-length", "").encode()
    body = await read_body(request.receive, announced, limits)
    try:
        return model.validate_json(body)
    except (ValidationError, RecursionError) as error:
        raise MalformedRequest(*_told(error)) from None


def described(model: TypeAdapter[Any]) -> dict[str, Any]:
    """Return the documentation of a body that `read_json` reads, whole in its place."""
    schema = model.json_schema(ref_template="#/$defs/{model}")
    content = _inlined(schema, schema.pop("$defs", {}))
    return {"requestBody": {"required": True, "content": {"application/json": {"schema": content}}}}


def answers(standing: Any) -> dict[int | str, dict[str, Any]]:
    """Return the documentation of what a route answers beside 201: what stood already, and problems."""
    stood: dict[int | str, dict[str, Any]] = {200: {"model": standing, "description": "It stands already"}}
    return stood | problems(401, 403, 404, 408, 413, 422, 429, 500)


def with_words(documented: dict[str, Any], field: str, words: Collection[str]) -> dict[str, Any]:
    """Return the documentation of a body with the words that `field` may hold, which only a running service knows."""
    content = documented["requestBody"]["content"]["application/json"]["schema"]
    content["properties"][field] |= {"enum": sorted(words)}
    return documented


def _told(error: Exception) -> tuple[str, str]:
    what = "has another form than the OpenAPI document gives"
    if not isinstance(error, ValidationError):
        return f"the body {what}", ""
    first = error.errors(include_url=False, include_context=False, include_input=False)[0]
    if first["type"] == "extra_forbidden":
        return "a field is unknown here: see the OpenAPI document for the names", _pointer(first["loc"][:-1])
    return what, _pointer(first["loc"])


def _pointer(place: tuple[int | str, ...]) -> str:
    return "".join(f"/{step}" for step in place)


def _inlined(schema: Any, definitions: dict[str, Any]) -> Any:
    if isinstance(schema, list):
        return [_inlined(item, definitions) for item in schema]
    if not isinstance(schema, dict):
        return schema
    if "$ref" in schema:
        return _inlined(definitions[schema["$ref"].rpartition("/")[2]], definitions)
    return {name: _inlined(item, definitions) for name, item in schema.items() if name != "discriminator"}
