"""The page "what was live": on the MLflow server, for every signed-in account, without a script.

It is a layer of its own in front of MLflow, whose route table knows no page that every account may read. Who asks is
found out as MLflow does: by the proxy of a single sign-on where there is one, by name and password elsewhere.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import parse_qs

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from mlflow.exceptions import MlflowException
from starlette.concurrency import run_in_threadpool
from werkzeug.datastructures import Authorization

from caregate.clock import Clock
from caregate.errors import CaregateError
from caregate.settings import Settings
from models.catalogue import SPECS
from registry.actor import current_visit
from registry.events import short
from registry.history import history_of, live_at, moment_of
from registry.history_words import sentence
from registry.moments import written
from registry.server.asgi import FORBIDDEN, UNAUTHORIZED, App, Receive, Scope, Send, answer, header, refusal

PATH = re.compile(r"/caregate/history/(?P<model>[a-z0-9-]{1,100})")
PREFIX = "/caregate/"
READING = ("GET", "HEAD")
PLUS = re.compile(r"(T[0-9:.]+) ([0-9]{2}:?[0-9]{2})")
"""A zone whose plus sign a browser's address line took for a space."""
OK, UNFIT, UNKNOWN, WRONG_METHOD = 200, 422, 404, 405
MOST = 500
"""Events that the page shows."""
TEMPLATES = Path(__file__).parents[1] / "templates"
HEADERS = (
    (b"content-type", b"text/html; charset=utf-8"),
    (
        b"content-security-policy",
        b"default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    ),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"cache-control", b"no-store"),
)
ASK = ((b"www-authenticate", b'Basic realm="mlflow"'),)


class SignIns(Protocol):
    """Checks passwords."""

    def authenticate_user(self, username: str, password: str) -> bool:
        """Tell whether they belong together, and to an account that may come in."""


class HistoryPages:
    """ASGI middleware that answers ``/caregate/history/<model>?at=<moment>``.

    Parameters
    ----------
    app
        What answers the rest.
    settings
        Of the home.
    sign_ins
        By which names and passwords are checked, where people do not come by a proxy.
    clock
        Tells the present.
    """

    def __init__(self, app: App, settings: Settings, sign_ins: SignIns, clock: Clock) -> None:
        self._app = app
        self._settings = settings
        self._sign_ins = sign_ins
        self._clock = clock

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http" or not scope["path"].startswith(PREFIX):
            await self._app(scope, receive, send)
            return
        visit = current_visit()
        if visit is not None:
            visit.route = f"{PREFIX}*"
        try:
            name = await run_in_threadpool(self._who, scope)
        except MlflowException:
            await answer(send, FORBIDDEN, refusal("this account may not come in"))
            return
        if name is None:
            await _send(send, UNAUTHORIZED, "Sign in first.", () if self._settings.single_sign_on else ASK)
            return
        if visit is not None:
            visit.proven = name
        if scope["method"] not in READING:
            await answer(send, WRONG_METHOD, refusal("this page is read alone"))
            return
        status, page = await run_in_threadpool(self._page, scope)
        await _send(send, status, page if scope["method"] == "GET" else "")

    def _who(self, scope: Scope) -> str | None:
        visit = current_visit()
        if self._settings.single_sign_on:
            return visit.proven if visit else None
        sent = header(scope, "authorization")
        given = Authorization.from_header(sent[0].decode("latin-1")) if len(sent) == 1 else None
        if given is None or given.type != "basic" or not given.username or not given.password:
            return None
        return given.username if self._sign_ins.authenticate_user(given.username, given.password) else None

    def _page(self, scope: Scope) -> tuple[int, str]:
        found = PATH.fullmatch(scope["path"])
        if found is None or found["model"] not in SPECS:
            return UNKNOWN, render("", problem="There is no such model or page here.")
        model = found["model"]
        asked = parse_qs(scope["query_string"].decode("latin-1"), max_num_fields=10).get("at", [""])[0]
        text = PLUS.sub(r"\1+\2", asked.strip())
        try:
            at = moment_of(self._settings, text or None, clock=self._clock)
            shown = {"live": live_at(self._settings, model, at), "events": history_of(self._settings, model)}
        except CaregateError as error:
            return UNFIT, render(model, problem=str(error), asked=text)
        return OK, render(model, asked=text, **shown)


def render(model: str, **shown: Any) -> str:
    """Return the page."""
    values = {
        "model": model,
        "models": [*SPECS],
        "live": None,
        "events": [],
        "problem": "",
        "asked": "",
        "most": MOST,
    } | shown
    return _ENVIRONMENT.get_template("history.html.j2").render(values)


async def _send(send: Send, status: int, page: str, more: tuple[tuple[bytes, bytes], ...] = ()) -> None:
    body = page.encode()
    headers = [*HEADERS, *more, (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"written": written, "short": short, "sentence": sentence}
    return environment


_ENVIRONMENT = _environment()
