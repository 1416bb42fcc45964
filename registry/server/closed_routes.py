"""Routes of MLflow that stay closed: they run jobs and assistants on this machine and serve no lifecycle."""

from __future__ import annotations

import json
import re
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

CLOSED = re.compile(r"/+(ajax-)?api/+3\.0/+(mlflow/+assistant|jobs)(/|$)", re.IGNORECASE)
ANSWER = json.dumps({"error_code": "PERMISSION_DENIED", "message": "Refused: this route is closed."}).encode()


class ClosedRoutes:
    """ASGI middleware that answers 403 on closed routes, before MLflow sees them."""

    def __init__(self, app: Callable[[Scope, Receive, Send], Awaitable[None]]) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] == "http" and CLOSED.match(scope["path"]):
            headers = [(b"content-type", b"application/json"), (b"content-length", str(len(ANSWER)).encode())]
            await send({"type": "http.response.start", "status": 403, "headers": headers})
            await send({"type": "http.response.body", "body": ANSWER})
            return
        await self._app(scope, receive, send)
