"""What was written back: one row for every step, appended and never changed, its content sealed by the vault."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

import msgspec
from sqlalchemy import Engine, Select, insert, select

from caregate.errors import BadInput
from governance.schema import write_backs
from governance.vault import Vault


class State(StrEnum):
    """How far one write-back came."""

    PENDING = "pending"
    WRITTEN = "written"
    UNDONE = "undone"
    FAILED = "failed"
    CONFLICT = "conflict"


class Form(StrEnum):
    """What scores become in a CRM."""

    FIELD = "field"
    NOTE = "note"
    FILE = "file"


class UnknownForm(BadInput):
    """Scores become nothing of this name."""

    def __init__(self) -> None:
        super().__init__("in a CRM scores become a field or a note: say --as field or --as note")


def form_of(text: str) -> Form:
    """Return the form that `text` names.

    Raises
    ------
    UnknownForm
        If it is neither a field nor a note.
    """
    if text not in (Form.FIELD, Form.NOTE):
        raise UnknownForm
    return Form(text)


@dataclass(frozen=True, slots=True)
class Content:
    """What is the CRM's or about a patient; sealed at rest.

    Attributes
    ----------
    entry
        The CRM's own id of the entry, or the path of a file.
    text
        What we wrote.
    before
        What stood there before.
    note
        The CRM's id of our note.
    place
        The custom field's name.
    """

    entry: str
    text: str
    before: str | None = None
    note: str | None = None
    place: str = ""


@dataclass(frozen=True, slots=True)
class WriteBack:
    """One step of one write-back; of the same `marker` the last one counts."""

    batch: str
    target: str
    form: Form
    model: str
    version: int
    record: str
    day: str
    state: State
    marker: str
    content: Content = field(repr=False)
    at: datetime
    by: str


@dataclass(frozen=True, slots=True)
class Batch:
    """A run of writing back, as `caregate write-back list` shows it."""

    batch: str
    target: str
    form: str
    model: str
    version: int
    day: str
    by: str
    states: Mapping[str, int]


class WriteBacks:
    """The append-only record of what was written back.

    Parameters
    ----------
    engine
        The governance database.
    vault
        Seals what is the CRM's own.
    """

    def __init__(self, engine: Engine, vault: Vault) -> None:
        self._engine = engine
        self._vault = vault

    def append(self, step: WriteBack) -> None:
        """Write one step down; it stands on disk when this returns."""
        sealed = self._vault.seal(_label(step.marker), msgspec.json.encode(asdict(step.content)))
        row = {name: value for name, value in _columns(step).items() if name != "content"} | {"sealed": sealed}
        with self._engine.begin() as connection:
            connection.execute(insert(write_backs), row)

    def of_day(self, target: str, form: Form, model: str, day: str) -> dict[tuple[str, int], WriteBack]:
        """Return the last step of each record and version."""
        same = (write_backs.c.target == target) & (write_backs.c.form == form.value)
        same &= (write_backs.c.model == model) & (write_backs.c.day == day)
        return {(step.record, step.version): step for step in self._read(select(write_backs).where(same))}

    def of_batch(self, batch: str) -> list[WriteBack]:
        """Return the last step of everything that the batch began."""
        steps = self._read(select(write_backs).where(write_backs.c.batch == batch))
        return list({step.marker: step for step in steps}.values())

    def batches(self) -> list[Batch]:
        """Return every batch, newest last, with how many of its write-backs stand in which state."""
        query = select(*(write_backs.c[name] for name in _SHOWN)).order_by(write_backs.c.seq)
        with self._engine.connect() as connection:
            rows = connection.execute(query).all()
        last = {(row.batch, row.marker): row for row in rows}
        found: dict[str, Batch] = {}
        for row in last.values():
            states = dict(found[row.batch].states) if row.batch in found else {}
            states[row.state] = states.get(row.state, 0) + 1
            found[row.batch] = Batch(row.batch, row.target, row.form, row.model, row.version, row.day, row.by, states)
        return list(found.values())

    def _read(self, query: Select[Any]) -> Iterator[WriteBack]:
        with self._engine.connect() as connection:
            for row in connection.execute(query.order_by(write_backs.c.seq)).mappings():
                yield self._step(row)

    def _step(self, row: Mapping[Any, Any]) -> WriteBack:
        content = msgspec.json.decode(self._vault.unseal(_label(row["marker"]), bytes(row["sealed"])), type=Content)
        at = row["at"] if row["at"].tzinfo else row["at"].replace(tzinfo=UTC)
        plain = {name: row[name] for name in ("batch", "target", "model", "version", "record", "day", "marker", "by")}
        return WriteBack(**plain, form=Form(row["form"]), state=State(row["state"]), content=content, at=at)


_SHOWN = ("batch", "target", "form", "model", "version", "day", "state", "marker", "by")


def _columns(step: WriteBack) -> dict[str, Any]:
    columns = {name: getattr(step, name) for name in WriteBack.__slots__}
    return columns | {"form": step.form.value, "state": step.state.value}


def _label(marker: str) -> str:
    return f"write-back/{marker}"
