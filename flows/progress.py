"""Who is told how far a flow is: the terminal that started it, if any."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

Listener = Callable[[str], None]


def _unheard(_text: str) -> None:
    return None


_listener: ContextVar[Listener] = ContextVar("caregate_progress", default=_unheard)


@contextmanager
def heard_by(listener: Listener) -> Iterator[None]:
    """Tell `listener` of every step that begins in the block."""
    token = _listener.set(listener)
    try:
        yield
    finally:
        _listener.reset(token)


def tell(text: str) -> None:
    """Say which step begins, in words and counts."""
    _listener.get()(text)
