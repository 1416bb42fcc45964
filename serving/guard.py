"""The outermost layer: names, counts and traces every request, and turns a fault into a problem document.

A request that was answered well is counted and leaves no line; a refused, failed or slow one leaves one. No line holds
anything that the request brought: routes are the service's own, models those that it offers.
"""

from __future__ import annotations

from time import perf_counter
from typing import Any

from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from serving.policy import Logs
from serving.problems import fault
from serving.seen.logs import Lines, id_of_request, request_id
from serving.seen.metrics import Metrics
from serving.seen.telemetry import request_span
from serving.shelf import Shelf

UNMATCHED = "unmatched"
ID = b"x-request-id"
ROUTE, MODEL = "caregate.route", "caregate.model"
"""Under which a layer below that answers without FastAPI's router tells the route and the model in the scope."""


class Guard:
    """ASGI middleware around the whole application.

    Parameters
    ----------
    app
        What it guards.
    metrics
        Where requests are counted.
    shelf
        Tells the models that may be named in a line, and the version that answers.
    policy
        What is slow, and how many lines a second are written.
    """

    def __init__(self, app: ASGIApp, *, metrics: Metrics, shelf: Shelf, policy: Logs) -> None:
        self._app = app
        self._metrics = metrics
        self._shelf = shelf
        self._slow = policy.slow_seconds
        self._lines = Lines(policy.lines_per_second)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        name = id_of_request(next((value for key, value in scope["headers"] if key == ID), None))
        token, told, status = request_id.set(name), (ID, name.encode()), 0

        async def counted(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [*message.get("headers", ()), told]
            await send(message)

        began = perf_counter()
        try:
            with request_span(scope["headers"]) as traced:
                try:
                    await self._app(scope, receive, counted)
                except ClientDisconnect:
                    return
                except Exception as error:
                    response = fault(error)
                    if not status:
                        await response(scope, receive, counted)
                if traced is not None:
                    traced.set_attributes({"http.route": _route(scope), "http.response.status_code": status})
            self._tell(scope, status, perf_counter() - began)
        finally:
            request_id.reset(token)

    def _tell(self, scope: Scope, status: int, seconds: float) -> None:
        route = _route(scope)
        self._metrics.answered(route, status, seconds)
        if status < 400 and seconds < self._slow:
            return
        event = "request failed" if status >= 500 else "request refused" if status >= 400 else "request slow"
        self._lines.write(event, status, route=route, ms=round(seconds * 1000, 1), **self._about(scope))

    def _about(self, scope: Scope) -> dict[str, Any]:
        model = scope.get(MODEL) or scope.get("path_params", {}).get("model")
        if model not in self._shelf.offers:
            return {}
        served = self._shelf.standing(model).served
        return {"model": model, "version": served.version if served else None}


def _route(scope: Scope) -> str:
    return str(scope.get(ROUTE) or getattr(scope.get("route"), "path", UNMATCHED))
