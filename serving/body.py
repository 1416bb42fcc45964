"""The body of a request: read up to a limit and decoded, with errors that hold nothing of it."""

from __future__ import annotations

from typing import Any

import msgspec
from starlette.requests import Request

from caregate.errors import BadInput
from serving.fields import MalformedRequest


class TooLarge(BadInput):
    """The body has more bytes than one may."""

    status = 413
    title = "Too large"

    def __init__(self, most: int) -> None:
        super().__init__(f"a body may have {most} bytes: send fewer instances")


class Asked(msgspec.Struct, forbid_unknown_fields=True):
    """The body of ``POST /v1/models/{model}/predictions``."""

    purpose: str
    instances: list[dict[str, Any]]


async def read_body(request: Request, most: int) -> bytes:
    """Return the body of `request`.

    Raises
    ------
    TooLarge
        As soon as more than `most` bytes were announced or have come.
    """
    announced = request.headers.get("content-length", "0")
    if announced.isdecimal() and int(announced[:20]) > most:
        raise TooLarge(most)
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > most:
            raise TooLarge(most)
    return bytes(body)


def decode(body: bytes) -> Asked:
    """Return what `body` asks.

    Raises
    ------
    MalformedRequest
        If it is no JSON object with a purpose and instances.
    """
    try:
        asked = msgspec.json.decode(body, type=Asked)
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError):
        raise MalformedRequest(
            'the body has to be JSON of the form {"purpose": "…", "instances": [{…}]}: see the OpenAPI document'
        ) from None
    if not asked.instances:
        raise MalformedRequest("send at least one instance", "/instances")
    return asked
