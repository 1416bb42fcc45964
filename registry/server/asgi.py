"""What the layers in front of the MLflow server share: ASGI's types, and how a refusal is answered."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

FORBIDDEN, UNAUTHORIZED = 403, 401


def header(scope: Scope, name: str) -> list[bytes]:
    """Return every value of the header `name` (in small letters), as they were sent."""
    return [value for key, value in scope["headers"] if key == name.encode()]


def refusal(why: str) -> bytes:
    """Return a refusal in the form whose text MLflow's page shows word for word."""
    return json.dumps({"error_code": "PERMISSION_DENIED", "message": f"Refused: {why}."}).encode()


async def answer(send: Send, status: int, body: bytes) -> None:
    """Send a whole JSON answer."""
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
