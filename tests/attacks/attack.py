"""An attack as a line of a table: who tries what, and how it ends."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import httpx
from mlflow.exceptions import MlflowException

from tests.attacks.scene import Scene


class Ends(StrEnum):
    """How an attack ends."""

    REFUSED = "refused and recorded"
    NO_EFFECT = "no effect"
    FOUND_OUT = "found out"
    """Only for who owns the database's file and took its own guard away: nothing unsigned is served, and it shows."""


class Place(StrEnum):
    """Where an attack comes from."""

    SERVER = "server"
    DATABASE = "database"
    """Past the server, on a copy of the home: what was written there would spoil the others' home."""
    SCORING = "scoring"
    """Past the server, on the home of a running scoring server."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What the server said."""

    status: int
    text: str


Reply = httpx.Response | Answer | list[httpx.Response] | None


@dataclass(frozen=True)
class Attack:
    """One attack.

    Attributes
    ----------
    name
        What is tried, in words.
    who
        The account that tries.
    what
        Tries it, and returns what the server said.
    ends
        How it has to end.
    recorded_as
        The actor of the ledger's line, where it is not `who`.
    place
        Where it comes from.
    shows
        Whether the ledger's check has to name the line that was tampered with.
    noticed, put_back
        Whether the reconciler has to open an incident, and to set aliases and tags as they were.
    """

    name: str
    who: str
    what: Callable[[Scene], Reply]
    ends: Ends = Ends.REFUSED
    recorded_as: str = ""
    place: Place = Place.SERVER
    shows: bool = False
    noticed: bool = False
    put_back: bool = False

    @property
    def actor(self) -> str:
        """Whom the ledger has to name."""
        return self.recorded_as or self.who


def answers(reply: Reply) -> list[Answer]:
    """Return every answer that an attack got."""
    if reply is None:
        return []
    several = reply if isinstance(reply, list) else [reply]
    return [item if isinstance(item, Answer) else Answer(item.status_code, item.text) for item in several]


def by_client(act: Callable[[], Any]) -> Answer:
    """Return what MLflow's Python client made of the server's answer."""
    try:
        with warnings.catch_warnings(action="ignore", category=FutureWarning):  # MLflow warns of its stages
            given = act()
    except MlflowException as error:
        return Answer(error.get_http_status_code(), error.message)
    return Answer(httpx.codes.OK, str(given))


def each(names: Iterable[str], make: Callable[[str], Attack]) -> tuple[Attack, ...]:
    """Return the attack that `make` makes of each name."""
    return tuple(make(name) for name in names)
