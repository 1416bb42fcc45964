"""Who is acting: the signed-in account of a request, or the account a program named for itself.

Inside a request of the MLflow server only the signed-in account counts. Outside of one (`caregate run` on the embedded
registry) the program says for whom it acts; where nobody is named, nothing may be written.
"""

from __future__ import annotations

from collections.abc import Iterator, MutableMapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any

from flask import g, has_request_context


@dataclass
class Visit:
    """One request of the MLflow server, whichever of its two halves answers it.

    Attributes
    ----------
    state
        The request's own, into which MLflow writes who signed in to its native routes.
    proven
        Who signed in before MLflow was asked, None where MLflow finds out.
    route
        The route's template, without values; empty until it is known.
    checked
        Name and password that were found to be right, which MLflow asks for again in the same request.
    recorded
        Whether the ledger holds the refusal already.
    """

    state: MutableMapping[str, Any] = field(default_factory=dict)
    proven: str | None = None
    route: str = ""
    checked: tuple[str, str] | None = field(default=None, repr=False)
    recorded: bool = False

    @property
    def account(self) -> str | None:
        """Who signed in, None where nobody did."""
        return self.proven or self.state.get("username")


_acting: ContextVar[str | None] = ContextVar("caregate_actor", default=None)
_visit: ContextVar[Visit | None] = ContextVar("caregate_visit", default=None)


@contextmanager
def acting_as(account: str) -> Iterator[None]:
    """Act as `account` until the block ends."""
    token = _acting.set(account)
    try:
        yield
    finally:
        _acting.reset(token)


@contextmanager
def visiting(visit: Visit) -> Iterator[None]:
    """Answer `visit` until the block ends."""
    token = _visit.set(visit)
    try:
        yield
    finally:
        _visit.reset(token)


def current_visit() -> Visit | None:
    """Return the request that is being answered, None outside of the server."""
    return _visit.get()


def current_actor() -> str | None:
    """Return the account that acts, None where nobody is known to."""
    if has_request_context():
        return getattr(g, "mlflow_authenticated_user", None)
    visit = _visit.get()
    return visit.account if visit else _acting.get()


def mark_recorded() -> None:
    """Say that the ledger holds the refusal of the request that is being answered."""
    visit = _visit.get()
    if visit is not None:
        visit.recorded = True
