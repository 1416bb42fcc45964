"""Worklists as they are kept: the first one that is made of a day stays that day's, whoever asks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime
from typing import Any

from sqlalchemy import Connection, Engine, insert, select

from crm.outreach.hold_out import Arm
from governance.database import exclusive
from governance.predictions import Prediction
from governance.schema import predictions, worklist_entries, worklists


@dataclass(frozen=True, slots=True)
class Entry:
    """A record that capacity was given to.

    Attributes
    ----------
    place
        Priority, from 1.
    record, patient, prediction_id
        What it is about, and on which prediction.
    arm, chance
        Of the patient, and how likely it was to be held out.
    covered
        The group that its place was counted for; None where the allocation knows no groups, or not this one's.
    reachable
        Whether a channel was open to the patient when the list was made, the night apart: asked of both arms alike.
    """

    place: int
    record: str
    patient: str
    prediction_id: str
    arm: Arm
    chance: float
    covered: str | None
    reachable: bool


@dataclass(frozen=True, slots=True)
class Worklist:
    """The worklist of a model and a day.

    Attributes
    ----------
    worklist
        Its name, such as ``no-show/2026-12-01``.
    model, day, version
        What it is of, and which version scored.
    at, by
        When it was made, and by whose question.
    facts
        How many records were considered, and what became of them.
    entries
        In their order.
    """

    worklist: str
    model: str
    day: str
    version: int
    at: datetime
    by: str
    facts: Mapping[str, Any]
    entries: tuple[Entry, ...]


class WorklistStore:
    """The worklists of a home.

    Parameters
    ----------
    engine
        The governance database.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def find(self, model: str, day: date) -> Worklist | None:
        """Return the worklist of `day`, None where it was not made."""
        with self._engine.connect() as connection:
            return _read(connection, name_of(model, day))

    def keep(self, made: Worklist, scored: Sequence[Prediction]) -> Worklist:
        """Keep `made` with the predictions behind it, unless another was kept before; return the one that stands."""
        with exclusive(self._engine) as connection:
            found = _read(connection, made.worklist)
            if found is not None:
                return found
            row = {name: getattr(made, name) for name in worklists.c.keys()}  # noqa: SIM118  no mapping
            connection.execute(insert(worklists).values(row))
            if made.entries:
                connection.execute(
                    insert(worklist_entries), [asdict(entry) | {"worklist": made.worklist} for entry in made.entries]
                )
            if scored:
                connection.execute(insert(predictions), [asdict(row) for row in scored])
        return made

    def since(self, model: str, day: date) -> list[Worklist]:
        """Return the model's worklists from `day` on, oldest first."""
        which = (worklists.c.model == model) & (worklists.c.day >= day.isoformat())
        with self._engine.connect() as connection:
            names = connection.scalars(select(worklists.c.worklist).where(which).order_by(worklists.c.day)).all()
            return [found for name in names if (found := _read(connection, name))]


def name_of(model: str, day: date) -> str:
    """Return what the worklist of a model and a day is called."""
    return f"{model}/{day.isoformat()}"


def _read(connection: Connection, name: str) -> Worklist | None:
    row = connection.execute(select(worklists).where(worklists.c.worklist == name)).mappings().first()
    if row is None:
        return None
    query = select(worklist_entries).where(worklist_entries.c.worklist == name).order_by(worklist_entries.c.place)
    entries = tuple(_entry(dict(item)) for item in connection.execute(query).mappings())
    at = row["at"] if row["at"].tzinfo else row["at"].replace(tzinfo=UTC)
    return Worklist(**{**row, "at": at}, entries=entries)


def _entry(row: dict[str, Any]) -> Entry:
    row.pop("worklist")
    return Entry(**{**row, "arm": Arm(row["arm"])})
