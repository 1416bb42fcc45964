"""Routes of MLflow that stay closed: they serve no lifecycle, or nobody has looked at them yet."""

from __future__ import annotations

import re
from collections.abc import Callable

from flask import Flask, Response, g, request
from mlflow.exceptions import MlflowException
from starlette.concurrency import run_in_threadpool
from starlette.routing import BaseRoute, Match, Mount
from werkzeug.datastructures import Authorization

from registry.actor import current_visit
from registry.server.asgi import FORBIDDEN, App, Receive, Scope, Send, answer, header, refusal
from registry.server.routes import NATIVE, family, is_open

CLOSED = re.compile(r"/+(ajax-)?api/+3\.0/+(mlflow/+(assistant|mcp-servers)|jobs)(/|$)|/+(gateway|v1)/", re.IGNORECASE)
WORKSPACE = "x-mlflow-workspace"
"""A header that names another workspace; a home is one, and MLflow would fail at it."""
ASKED_BY_THE_PAGE = re.compile(r"/ajax-api/3\.0/mlflow/assistant/(config|providers)")
"""What MLflow's pages ask by themselves whenever one is opened: lines of that would bury those of what people did."""
WHY = "this route is closed"
Naming = Callable[[str, str], bool]


class ClosedRoutes:
    """ASGI middleware that answers 403 on closed native routes, before MLflow sees them.

    Parameters
    ----------
    app
        What answers the rest.
    routes
        MLflow's native routes, and the mount of its Flask half.
    proves
        Tells whether a name and a password belong together, so that the refusal's line can say who tried.
    """

    def __init__(self, app: App, routes: list[BaseRoute], proves: Naming) -> None:
        self._app = app
        self._routes = [route for route in routes if not isinstance(route, Mount)]
        self._proves = proves

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http" or not self._native(scope):
            await self._app(scope, receive, send)
            return
        visit = current_visit()
        if visit is not None:
            visit.route = family(scope["path"])
        if NATIVE.fullmatch(scope["path"]) and not header(scope, WORKSPACE):
            await self._app(scope, receive, send)
            return
        if visit is not None and scope["method"] == "GET" and ASKED_BY_THE_PAGE.fullmatch(scope["path"]):
            visit.recorded = True
        elif visit is not None and visit.proven is None:
            visit.proven = await run_in_threadpool(self._who, header(scope, "authorization"))
        await answer(send, FORBIDDEN, refusal(WHY))

    def _native(self, scope: Scope) -> bool:
        if CLOSED.match(scope["path"]) or header(scope, WORKSPACE):
            return True
        return any(route.matches(scope)[0] is not Match.NONE for route in self._routes)

    def _who(self, sent: list[bytes]) -> str | None:
        given = Authorization.from_header(sent[0].decode("latin-1")) if len(sent) == 1 else None
        if given is None or not given.username or not given.password:
            return None
        try:
            return given.username if self._proves(given.username, given.password) else None
        except MlflowException:
            return None


def close_routes(flask: Flask) -> None:
    """Close routes of MLflow's Flask half, answer refusals in words, and note who called which route."""
    flask.before_request(_refuse_closed)
    flask.after_request(_note)
    flask.register_error_handler(MlflowException, _in_words)


def _refuse_closed() -> Response | None:
    rule = request.url_rule
    if rule is None or is_open(rule.rule, request.method):
        return None
    return Response(refusal(WHY), status=FORBIDDEN, mimetype="application/json")


def _note(response: Response) -> Response:
    visit = current_visit()
    if visit is not None:
        visit.route = request.url_rule.rule if request.url_rule else ""
        visit.proven = visit.proven or getattr(g, "mlflow_authenticated_user", None)
    return response


def _in_words(error: MlflowException) -> Response:
    return Response(error.serialize_as_json(), status=error.get_http_status_code(), mimetype="application/json")
