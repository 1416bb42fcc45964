"""Who asks: what every route that needs a key depends on."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from fastapi import Depends, Request
from fastapi.security import HTTPBearer

from governance.client_key import Scope
from serving.keys import Client, Keys

DECLARED = HTTPBearer(
    auto_error=False, description="A key of `caregate users add NAME --role crm` or `caregate keys issue`."
)
"""Only tells the OpenAPI document; the header is read as it came."""


def asks(keys: Keys, scope: Scope) -> Callable[..., Awaitable[Client]]:
    """Return a dependency that gives the client whose key opens `scope`.

    Parameters
    ----------
    keys
        Tell clients.
    scope
        What the route is for.
    """

    async def client_of(request: Request, _declared: object = Depends(DECLARED)) -> Client:
        address = request.client.host if request.client else ""
        return keys.admit(request.headers.get("authorization", ""), scope, address=address)

    return client_of
