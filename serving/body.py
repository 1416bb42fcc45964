"""The body of a request: read up to a limit and in time, and decoded with errors that hold nothing of it."""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec
from starlette.requests import ClientDisconnect
from starlette.types import Receive

from caregate.errors import BadInput
from serving.fields import MalformedRequest
from serving.policy import Limits


class TooLarge(BadInput):
    """The body has more bytes than one may."""

    status = 413
    title = "Too large"

    def __init__(self, most: int) -> None:
        super().__init__(f"a body may have {most} bytes: send fewer instances")


class TooSlow(BadInput):
    """The body did not come in time."""

    status = 408
    title = "Too slow"

    def __init__(self, seconds: float) -> None:
        super().__init__(f"the body did not come within {seconds:g} seconds: send it whole, or send fewer instances")


class Asked(msgspec.Struct, forbid_unknown_fields=True):
    """The body of ``POST /v1/models/{model}/predictions``."""

    purpose: str
    instances: list[dict[str, Any]]
    reasons: int | None = None


_decode = msgspec.json.Decoder(Asked).decode


async def read_body(receive: Receive, announced: bytes, limits: Limits) -> bytes:
    """Return the body of a request.

    Parameters
    ----------
    receive
        As ASGI hands it to the application.
    announced
        The header ``Content-Length``, empty where there was none.
    limits
        How many bytes it may have, and how long it may take.

    Raises
    ------
    TooLarge
        As soon as more bytes were announced or have come than it may have.
    TooSlow
        If it did not come in time.
    starlette.requests.ClientDisconnect
        If the client went away.
    """
    if announced.isdigit() and int(announced[:20]) > limits.body_bytes:
        raise TooLarge(limits.body_bytes)
    try:
        async with asyncio.timeout(limits.body_seconds):
            return await _whole(receive, limits.body_bytes)
    except TimeoutError:
        raise TooSlow(limits.body_seconds) from None


async def _whole(receive: Receive, most: int) -> bytes:
    parts: list[bytes] = []
    size, more = 0, True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientDisconnect
        part = message.get("body", b"")
        size += len(part)
        if size > most:
            raise TooLarge(most)
        parts.append(part)
        more = message.get("more_body", False)
    return b"".join(parts)


def decode(body: bytes) -> Asked:
    """Return what `body` asks.

    Raises
    ------
    MalformedRequest
        If it is no JSON object with a purpose and instances.
    """
    try:
        asked = _decode(body)
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError):
        raise MalformedRequest(
            'the body has to be JSON of the form {"purpose": "…", "instances": [{…}]}: see the OpenAPI document'
        ) from None
    if not asked.instances:
        raise MalformedRequest("send at least one instance", "/instances")
    return asked
