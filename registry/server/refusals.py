"""Every refusal leaves one line: those of the guarded stores their own, all others this one, at the very edge.

MLflow turns requests away by permissions and passwords of its own, before a store of ours is asked. Here the answer is
seen on its way out: who, which method, which route (its template, without values), which status. Whoever hammers is
counted rather than written down each time.
"""

from __future__ import annotations

from sqlalchemy import Engine
from starlette.concurrency import run_in_threadpool

from caregate.clock import Clock
from governance.ledger import Ledger
from governance.people import People
from registry.actor import Visit, visiting
from registry.server.asgi import FORBIDDEN, App, Message, Receive, Scope, Send, answer, refusal
from registry.server.throttle import Throttle

UNKNOWN = "unknown"
NO_ROUTE = "no route"
REFUSALS_A_MINUTE, SIGN_INS_A_MINUTE = 60, 1
NOT_YOURS = "this account's role does not let it do this; what each role may do is in the reference of tags and roles"


class RefusalBook:
    """Writes refusals down that no store of ours wrote down.

    Parameters
    ----------
    governance
        The governance database.
    clock
        Tells the moment of a refusal.
    """

    def __init__(self, governance: Engine, clock: Clock) -> None:
        self._ledger = Ledger(governance, clock)
        self._people = People(governance, clock)
        self._clock = clock
        self._requests = Throttle(REFUSALS_A_MINUTE)
        self._sign_ins = Throttle(SIGN_INS_A_MINUTE)

    def refused(self, visit: Visit, method: str, status: int) -> None:
        """Write down that a request was refused."""
        actor, route = visit.account or UNKNOWN, visit.route or NO_ROUTE
        unsaid = self._requests.admit(actor, self._clock())
        if unsaid is not None:
            self._ledger.append(actor, "request.refuse", f"{method} {route}", status=status, unsaid=unsaid)

    def failed_sign_in(self, name: str) -> None:
        """Count a failed sign-in; a name that is no account's is not repeated."""
        known = name if name and self._people.find(name) else UNKNOWN
        unsaid = self._sign_ins.admit(known, self._clock())
        if unsaid is not None:
            self._ledger.append(UNKNOWN, "sign-in.refuse", known, unsaid=unsaid)


class Refusals:
    """ASGI middleware: opens the visit, and sees each answer on its way out.

    Parameters
    ----------
    app
        What answers.
    book
        Where refusals are written.
    """

    def __init__(self, app: App, book: RefusalBook) -> None:
        self._app = app
        self._book = book

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        visit = Visit(scope.setdefault("state", {}))
        with visiting(visit):
            await self._app(scope, receive, _Outlet(self._book, visit, scope["method"], send))


class _Outlet:
    def __init__(self, book: RefusalBook, visit: Visit, method: str, send: Send) -> None:
        self._book = book
        self._visit = visit
        self._method = method
        self._send = send
        self._answered = False

    async def __call__(self, message: Message) -> None:
        if self._answered:
            return
        if message["type"] == "http.response.start" and message["status"] == FORBIDDEN:
            await self._refuse(message)
            return
        await self._send(message)

    async def _refuse(self, start: Message) -> None:
        if not self._visit.recorded:
            await run_in_threadpool(self._book.refused, self._visit, self._method, FORBIDDEN)
        if _is_json(start):
            await self._send(start)
            return
        self._answered = True  # MLflow's page shows the words of JSON alone
        await answer(self._send, FORBIDDEN, refusal(NOT_YOURS))


def _is_json(start: Message) -> bool:
    kinds = [value for key, value in start["headers"] if key.lower() == b"content-type"]
    return any(kind.startswith(b"application/json") for kind in kinds)
