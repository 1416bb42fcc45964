"""Bodies that MLflow stumbles over: answered 400 before it reads them, so that none ends as a fault of the server."""

from __future__ import annotations

import json

from flask import Flask, Response, request
from graphql import GraphQLError, parse

from registry.server.routes import READING

GRAPHQL = "/graphql"
NO_OBJECT = "the body has to be one JSON object"
NO_QUERY = "a query is sent by POST, as GraphQL"


def refuse_malformed(flask: Flask) -> None:
    """Answer 400 to bodies that are JSON and no object, and to what is no GraphQL."""
    flask.before_request(_objection)


def _objection() -> Response | None:
    asks = request.url_rule is not None and request.url_rule.rule.endswith(GRAPHQL)
    if request.method in READING:
        return _answer(NO_QUERY) if asks else None
    body = _read(request.get_data())
    if asks and not _is_query(body):
        return _answer(NO_QUERY)
    return None if body is None or isinstance(body, dict) else _answer(NO_OBJECT)


def _read(body: bytes) -> object:
    """Return what a body holds, None where it is no JSON: MLflow answers that itself. It decodes JSON in JSON."""
    try:
        found = json.loads(body)
        return json.loads(found) if isinstance(found, str) else found
    except (ValueError, RecursionError):
        return None


def _is_query(body: object) -> bool:
    query = body.get("query") if isinstance(body, dict) else None
    try:
        return isinstance(query, str) and bool(parse(query))
    except (GraphQLError, RecursionError):
        return False


def _answer(why: str) -> Response:
    said = json.dumps({"error_code": "INVALID_PARAMETER_VALUE", "message": f"Refused: {why}."})
    return Response(said, status=400, mimetype="application/json")
