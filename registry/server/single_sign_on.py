"""Signing in by a proxy that knows people (OpenID Connect): it names the account, and shows the home's secret.

A header is worth what its sender can prove. So a name counts only beside the secret; both are read once, from the
request as it came in, before MLflow's two halves each read headers in a way of their own.
"""

from __future__ import annotations

import hmac
import json
from typing import Any

from flask import Response
from starlette.concurrency import run_in_threadpool
from werkzeug.datastructures import Authorization

from governance.people import People
from registry.accounts import NAME
from registry.actor import Visit, current_visit
from registry.server.asgi import UNAUTHORIZED, App, Receive, Scope, Send, answer, header
from registry.server.refusals import RefusalBook

PROOF = "x-caregate-proxy-secret"
SIGN_IN = "Sign in through the single sign-on: this server takes people from its proxy alone."
ANSWER = json.dumps({"error_code": "UNAUTHENTICATED", "message": SIGN_IN}).encode()


class ProxySignIn:
    """ASGI middleware that finds out who signed in, before MLflow is asked.

    Parameters
    ----------
    app
        What answers those who are signed in.
    name_header
        In which the proxy names the account.
    secret
        What the proxy shows to be believed.
    people
        The accounts.
    sign_ins
        MLflow's store of passwords, by which services sign in.
    book
        Where failed sign-ins are counted.
    """

    def __init__(
        self, app: App, *, name_header: str, secret: str, people: People, sign_ins: Any, book: RefusalBook
    ) -> None:
        self._app = app
        self._name_header = name_header.lower()
        self._secret = secret.encode()
        self._people = people
        self._sign_ins = sign_ins
        self._book = book

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        visit = current_visit()
        if scope["type"] != "http" or visit is None:
            await self._app(scope, receive, send)
            return
        shown = header(scope, PROOF)
        if shown:
            visit.proven = await run_in_threadpool(self._person, shown, header(scope, self._name_header))
        else:
            visit.proven = await run_in_threadpool(self._service, header(scope, "authorization"))
        if shown and visit.proven is None:
            await answer(send, UNAUTHORIZED, ANSWER)
            return
        await self._app(dict(scope, headers=self._without_secret(scope)), receive, send)

    def _person(self, shown: list[bytes], names: list[bytes]) -> str | None:
        if len(shown) != 1 or not hmac.compare_digest(shown[0], self._secret):
            self._book.failed_sign_in("")
            return None
        name = names[0].decode("latin-1") if len(names) == 1 else ""
        person = self._people.find(name) if NAME.fullmatch(name) else None
        if person is None or person.service or person.disabled:
            self._book.failed_sign_in(name)
            return None
        return person.name

    def _service(self, sent: list[bytes]) -> str | None:
        given = Authorization.from_header(sent[0].decode("latin-1")) if len(sent) == 1 else None
        if given is None or given.type != "basic" or not given.username:
            return None
        person = self._people.find(given.username)
        if person is None or not person.service or person.disabled:
            self._book.failed_sign_in(given.username)
            return None
        return person.name if self._sign_ins.authenticate_user(person.name, given.password) else None

    def _without_secret(self, scope: Scope) -> list[tuple[bytes, bytes]]:
        return [(key, value) for key, value in scope["headers"] if key != PROOF.encode()]


def authenticate() -> Authorization | Response:
    """Return who signed in; MLflow calls this by the name in its sign-in file, where single sign-on is on."""
    visit: Visit | None = current_visit()
    if visit is not None and visit.proven:
        return Authorization("basic", {"username": visit.proven, "password": ""})
    return Response(ANSWER, status=UNAUTHORIZED, mimetype="application/json")
