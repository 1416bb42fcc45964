"""Who is told how far a flow is: the terminal that started it, if any, and Prefect's UI."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from uuid import UUID

from prefect.artifacts import create_progress_artifact, update_progress_artifact

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


class ShownProgress:
    """A bar in Prefect's UI that fills step by step.

    Parameters
    ----------
    key
        Of the artifact: lower case and dashes.
    steps
        How many there are.
    """

    def __init__(self, key: str, steps: int) -> None:
        self._steps, self._done = steps, 0
        made = create_progress_artifact(progress=0.0, key=key, description=f"{key}, step by step")
        assert isinstance(made, UUID)  # noqa: S101 — a coroutine only where the caller is one
        self._artifact = made

    def step_done(self) -> None:
        """Fill the bar by one step."""
        self._done += 1
        update_progress_artifact(self._artifact, progress=100.0 * self._done / self._steps)
