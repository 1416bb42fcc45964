"""The outermost layer: counts every request, and turns a fault into a problem document instead of a traceback."""

from __future__ import annotations

from time import perf_counter

from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from serving.metrics import Metrics
from serving.problems import fault

UNMATCHED = "unmatched"


class Guard:
    """ASGI middleware around the whole application."""

    def __init__(self, app: ASGIApp, *, metrics: Metrics) -> None:
        self._app = app
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        statuses: list[int] = []

        async def counted(message: Message) -> None:
            if message["type"] == "http.response.start":
                statuses.append(message["status"])
            await send(message)

        began = perf_counter()
        try:
            await self._app(scope, receive, counted)
        except ClientDisconnect:
            return
        except Exception as error:
            response = fault(error)
            if not statuses:
                await response(scope, receive, counted)
        self._metrics.answered(_route(scope), statuses[0], perf_counter() - began)


def _route(scope: Scope) -> str:
    return str(getattr(scope.get("route"), "path", UNMATCHED))
