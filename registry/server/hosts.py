"""Which names the MLflow server answers to, and which pages may speak to it: its own.

A page of another site can have its own name resolve to this machine (DNS rebinding), and a browser that knows a
reviewer's password sends it along. MLflow takes any page on this machine for a friend; here only its own pages are.
"""

from __future__ import annotations

from registry.origins import origins_of
from registry.server.asgi import FORBIDDEN, App, Receive, Scope, Send, answer, header, refusal

READING = ("GET", "HEAD", "OPTIONS")
OWN_PAGES = (b"same-origin", b"none")
PROBES = ("/health", "/version")
"""Answered under any name: they say nothing of what is kept here."""
FOREIGN_HOST = "this server is not known under the name it was called by: see `public_url` in the reference of settings"
FOREIGN_PAGE = "another site's page may not speak to this server"


class OwnHosts:
    """ASGI middleware that answers 403 to foreign names and to foreign pages.

    Parameters
    ----------
    app
        What answers the rest.
    hosts
        The names that the server answers to, with their ports.
    public_url
        Where people reach it behind a proxy.
    """

    def __init__(self, app: App, hosts: list[str], public_url: str | None) -> None:
        self._app = app
        self._hosts = [host.encode() for host in hosts]
        self._origins = [origin.encode() for origin in origins_of(hosts, public_url)]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        why = self._objection(scope) if scope["type"] == "http" else ""
        if why:
            await answer(send, FORBIDDEN, refusal(why))
            return
        await self._app(scope, receive, send)

    def _objection(self, scope: Scope) -> str:
        hosts, origins, sites = (header(scope, name) for name in ("host", "origin", "sec-fetch-site"))
        if scope["path"] not in PROBES and (len(hosts) != 1 or hosts[0].lower() not in self._hosts):
            return FOREIGN_HOST
        if any(origin not in self._origins for origin in origins):
            return FOREIGN_PAGE
        writes = scope["method"] not in READING
        return FOREIGN_PAGE if writes and any(site not in OWN_PAGES for site in sites) else ""
