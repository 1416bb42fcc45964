"""Related rows: what the pointwise engine reads for a question, the snapshot's rows with the instances among them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from typing import Any, Final

import pyarrow as pa

from crm.tables import TABLES
from models.pointwise import Access, Program
from models.spec import ModelSpec
from serving.known.online_store import Finder, OnlineStore, Row
from serving.known.sql_history import OTHER, merging

PATIENT: Final = "patient_id"
EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC).replace(tzinfo=None)
NONE: Final[frozenset[int]] = frozenset()
EPOCH_DAY: Final = date(1970, 1, 1).toordinal()


class RelatedRows:
    """A model's program with where it reads from; one for a model and a snapshot.

    Parameters
    ----------
    spec, program
        The model, and its expression compiled.
    store
        The snapshot's rows.
    """

    def __init__(self, spec: ModelSpec, program: Program, store: OnlineStore) -> None:
        self._spec = spec
        self._program = program
        self._store = store
        self._reads = {place: _Reading(access, spec, store) for place, access in program.accesses.items()}
        self._merged = {
            name: words for name in merging(spec.table) if OTHER in (words := store.words(spec.table, name))
        }
        self._times = [
            (field.name, _days if pa.types.is_date(field.type) else _microseconds)
            for field in TABLES[spec.table]
            if pa.types.is_temporal(field.type)
        ]

    def features(self, instances: Sequence[Mapping[str, Any]]) -> list[dict[str, Any] | None]:
        """Return the feature row of each instance; see `serving.known.history.History.rows_of`."""
        key = self._spec.record_id
        asked = [self._stored(instance) for instance in instances]
        places = (self._store.place(self._spec.table, key, row[key]) for row in asked)
        question = _Question(self._reads, asked, frozenset(place for place in places if place is not None))
        row, read, memo = self._program.row, question.read, question.memo
        return [row(instance[key], read, memo) for instance in asked]

    def _stored(self, instance: Mapping[str, Any]) -> dict[str, Any]:
        """Return an instance in the form of the store's rows."""
        row = dict(instance)
        for name, read in self._times:
            if (value := row.get(name)) is not None:
                row[name] = read(value)
        for name, words in self._merged.items():
            if row.get(name) is not None and row[name] not in words:
                row[name] = OTHER
        return row


class _Reading:
    """How one access of a program is answered."""

    def __init__(self, access: Access, spec: ModelSpec, store: OnlineStore) -> None:
        self.access = access
        self.asked = access.table == spec.table
        self.unique = self.asked and access.column == spec.record_id
        self.strangers = access.table == "patients" and access.column == PATIENT
        self.find: Finder = store.finder(access.table, access.column, access.columns)


class _Question:
    """The rows that the instances of one question are related to."""

    def __init__(
        self, readings: Mapping[int, _Reading], asked: Sequence[dict[str, Any]], replaced: frozenset[int]
    ) -> None:
        self._readings = readings
        self._asked = asked
        self._asked_by: dict[str, dict[Any, list[dict[str, Any]]]] = {}
        self._replaced = replaced
        self.memo: dict[Any, Any] = {}

    def read(self, number: int, value: Any) -> Sequence[Row]:
        """Return the rows of an access that have `value` in its column."""
        known: Sequence[Row] | None = self.memo.get((number, value))
        if known is None:
            known = self.memo[number, value] = self._read(number, value)
        return known

    def _read(self, number: int, value: Any) -> Sequence[Row]:
        reading = self._readings[number]
        columns = reading.access.columns
        if reading.asked:
            column = reading.access.column
            own = [tuple(map(row.get, columns)) for row in self._own(column, value)]
            if own and reading.unique:
                return own
            found = reading.find(value, self._replaced)
            return found + own if own else found
        found = reading.find(value, NONE)
        if not found and reading.strangers:
            return [tuple(value if name == PATIENT else None for name in columns)]
        return found

    def _own(self, column: str, value: Any) -> Sequence[dict[str, Any]]:
        """Return the instances that have `value` in `column`."""
        if column not in self._asked_by:
            by = self._asked_by[column] = defaultdict(list)
            for row in self._asked:
                by[row.get(column)].append(row)
        return self._asked_by[column].get(value, ())


def _microseconds(moment: datetime) -> int:
    since = moment - EPOCH
    return (since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds


def _days(day: date) -> int:
    return day.toordinal() - EPOCH_DAY
