"""Who started a flow: the person at the command line, or somebody in Prefect whom nobody can name."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path

from caregate.errors import Refused
from caregate.settings import Settings
from registry.authorship import UNKNOWN, Author

_starter: ContextVar[Author | None] = ContextVar("caregate_starter", default=None)


class OutsideExchange(Refused):
    """A run that Prefect started reads or writes somewhere else than in the exchange folder."""

    def __init__(self, exchange: Path) -> None:
        super().__init__(f"what is started in Prefect reads and writes under {exchange} alone: put the file there")


@contextmanager
def started_by(author: Author) -> Iterator[None]:
    """Run flows for who sits at the command line, until the block ends."""
    token = _starter.set(author)
    try:
        yield
    finally:
        _starter.reset(token)


def starter() -> Author:
    """Return who started the flow at work; of one that Prefect started nobody is known."""
    return _starter.get() or UNKNOWN


def reachable(settings: Settings, location: str) -> str:
    """Return the path that `location` means to who started the flow.

    At the command line it is any path. In Prefect, where everybody has the same password, it lies in the exchange
    folder, also after links are followed.

    Raises
    ------
    OutsideExchange
        If it does not.
    """
    if _starter.get() is not None:
        return location
    exchange = settings.exchange_dir.resolve()
    found = (exchange / location).resolve()
    if exchange not in found.parents:
        raise OutsideExchange(exchange)
    return str(found)
