"""Who is acting: the signed-in account of a request, or the account a program named for itself.

Inside a request of the MLflow server only the signed-in account counts. Outside of one (`caregate run` on the embedded
registry) the program says for whom it acts; where nobody is named, nothing may be written.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from flask import g, has_request_context

_acting: ContextVar[str | None] = ContextVar("caregate_actor", default=None)


@contextmanager
def acting_as(account: str) -> Iterator[None]:
    """Act as `account` until the block ends."""
    token = _acting.set(account)
    try:
        yield
    finally:
        _acting.reset(token)


def current_actor() -> str | None:
    """Return the account that acts, None where nobody is known to."""
    if has_request_context():
        return getattr(g, "mlflow_authenticated_user", None)
    return _acting.get()
