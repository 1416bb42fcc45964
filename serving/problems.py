"""Problem documents (RFC 9457): what went wrong, never a value that was sent."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from http import HTTPStatus
from traceback import extract_tb
from typing import ClassVar

import msgspec
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException

from caregate.errors import BadInput, CaregateError
from serving.fields import MalformedRequest

MEDIA_TYPE = "application/problem+json"
WITHIN = 500
"""From this status on the fault is ours, and the client is told nothing of it."""

log = logging.getLogger(__name__)


class Unauthorized(CaregateError):
    """The request carries no key that stands."""

    status = 401
    title = "Key required"

    headers: ClassVar[Mapping[str, str]] = {"WWW-Authenticate": "Bearer"}

    def __init__(self) -> None:
        super().__init__(
            "send a standing key as `Authorization: Bearer KEY`: `caregate users add NAME --role crm` issues it"
        )


class MethodNotAllowed(BadInput):
    """The route takes another method."""

    status = 405
    title = "Method Not Allowed"
    headers: ClassVar[Mapping[str, str]] = {"Allow": "POST"}

    def __init__(self) -> None:
        super().__init__("the route takes POST: see the OpenAPI document at /openapi.json")


def problem(
    status: int, title: str, detail: str, *, pointer: str = "", headers: Mapping[str, str] | None = None
) -> Response:
    """Return a problem document; `pointer` says where in the body the problem lies (RFC 6901)."""
    name = "-".join(title.lower().split())
    document = {"type": f"urn:caregate:problem:{name}", "title": title, "status": status, "detail": detail}
    if pointer:
        document["pointer"] = pointer
    return Response(msgspec.json.encode(document), status, dict(headers or {}), MEDIA_TYPE)


def fault(error: BaseException) -> Response:
    """Log where `error` was raised, without its text, which may hold values, and return the problem of a fault."""
    places = [f"{frame.filename}:{frame.lineno}" for frame in extract_tb(error.__traceback__)]
    log.error("fault %s at %s", type(error).__name__, " < ".join(reversed(places)))
    return problem(500, "Fault", "the service failed to answer; its operator finds the fault in the log")


def add_problem_handlers(app: FastAPI) -> None:
    """Let every error of `app` be answered by a problem document."""
    app.add_exception_handler(CaregateError, _on_our_error)
    app.add_exception_handler(HTTPException, _on_http_error)
    app.add_exception_handler(RequestValidationError, _on_validation_error)


def answer_to(error: Exception) -> Response:
    """Return the problem document of one of our errors; of what is our fault it tells nothing."""
    if not isinstance(error, CaregateError) or error.status >= WITHIN:
        return fault(error)
    headers: Mapping[str, str] = getattr(error, "headers", {})
    pointer = error.pointer if isinstance(error, MalformedRequest) else ""
    return problem(error.status, error.title, str(error), pointer=pointer, headers=headers)


def _on_our_error(_request: Request, error: Exception) -> Response:
    return answer_to(error)


def _on_http_error(_request: Request, error: Exception) -> Response:
    status = error.status_code if isinstance(error, HTTPException) else 500
    headers = error.headers if isinstance(error, HTTPException) else None
    return problem(status, HTTPStatus(status).phrase, "see the OpenAPI document at /openapi.json", headers=headers)


def _on_validation_error(_request: Request, _error: Exception) -> Response:
    return problem(422, "Bad input", "a parameter is missing or has the wrong form: see /openapi.json")
