"""Worlds: for each row that is asked about, the rows of its table that its features may read, as things stood then."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import ibis
import polars as pl
import pyarrow as pa
from ibis import _

from models.spec import ModelSpec, Timeline

ASKED = "asked_"
"""Column of a world's rows: the record whose world it is."""
THEN = "then_"
"""Column that holds the moment of that record while its world is cut."""
Key = tuple[str, object]
"""A column and a value that rows share."""


def related_rows(spec: ModelSpec, table: ibis.Table, asked: Sequence[str]) -> ibis.Table:
    """Return the worlds of the records `asked`: every row that shares a value of a column in ``spec.related``.

    A row that belongs to several worlds is there once for each.
    """
    wanted = ibis.memtable(pa.table({ASKED: pa.array(asked, pa.string())}))
    keys = table.join(wanted, table[spec.record_id] == wanted[ASKED]).select(ASKED, *spec.related)
    named = [
        table.select(spec.record_id, column).join(keys.select(ASKED, column), column).select(ASKED, spec.record_id)
        for column in spec.related
    ]
    own = wanted.mutate(**{spec.record_id: _[ASKED]})
    pairs = ibis.union(own, *named, distinct=True)
    return pairs.join(table, spec.record_id)


def apart(spec: ModelSpec, worlds: pl.DataFrame, asked: Sequence[str], *, most: int) -> list[list[str]]:
    """Deal the records `asked` into at most `most` batches whose worlds can be built together.

    Features of a record read the rows that share a value with it. So no row of one world may share one with the record
    of another, else it would be read twice, or as another moment knew it. Records that fit into no batch are left out.
    """
    columns = list(dict.fromkeys((spec.record_id, *spec.related)))
    around, own = _keys(worlds, columns), _keys(worlds.filter(pl.col(spec.record_id) == pl.col(ASKED)), columns)
    batches: list[_Batch] = []
    for record in asked:
        fitting = (batch for batch in batches if batch.takes(own[record], around[record]))
        batch = next(fitting, None)
        if batch is None and len(batches) < most:
            batch = _Batch()
            batches.append(batch)
        if batch is not None:
            batch.records.append(record)
            batch.own |= own[record]
            batch.around |= around[record]
    return [batch.records for batch in batches]


@dataclass
class _Batch:
    """Records that are built together, with the keys of their own rows and of all rows of their worlds."""

    records: list[str] = field(default_factory=list)
    own: set[Key] = field(default_factory=set)
    around: set[Key] = field(default_factory=set)

    def takes(self, own: set[Key], around: set[Key]) -> bool:
        return own.isdisjoint(self.around) and around.isdisjoint(self.own)


def as_handed_in(_spec: ModelSpec, _timeline: Timeline, worlds: pl.DataFrame) -> pl.DataFrame:
    """Return `worlds` as they are: what scoring hands in, and nothing else of the table."""
    return worlds


def without_own_outcome(spec: ModelSpec, timeline: Timeline, worlds: pl.DataFrame) -> pl.DataFrame:
    """Return `worlds` with the outcome of each asked record as it was before it was known."""
    return _blanked(timeline, worlds, pl.col(spec.record_id) == pl.col(ASKED))


def as_known_then(spec: ModelSpec, timeline: Timeline, worlds: pl.DataFrame) -> pl.DataFrame:
    """Return `worlds` with no row that began after the asked record, and no outcome that became known after it did.

    What happened at the same moment stays. Moments are compared in whole seconds: below them sources differ.
    """
    own = pl.col(spec.record_id) == pl.col(ASKED)
    began, known = (_moment(worlds, name) for name in (timeline.began, timeline.known))
    dated = worlds.with_columns(began.filter(own).first().over(ASKED).alias(THEN))
    seen = dated.filter(own | (began <= pl.col(THEN)))
    unknown = own | known.is_null() | (known > pl.col(THEN))
    return _blanked(timeline, seen, unknown).drop(THEN)


def _moment(worlds: pl.DataFrame, column: str) -> pl.Expr:
    return pl.col(column).dt.truncate("1s") if worlds.schema[column].is_temporal() else pl.col(column)


def _blanked(timeline: Timeline, worlds: pl.DataFrame, unknown: pl.Expr) -> pl.DataFrame:
    before = {timeline.known: None, **timeline.before}
    return worlds.with_columns(
        pl.when(unknown).then(pl.lit(value, worlds.schema[name])).otherwise(pl.col(name)).alias(name)
        for name, value in before.items()
    )


def _keys(worlds: pl.DataFrame, columns: Iterable[str]) -> dict[str, set[Key]]:
    keys: dict[str, set[Key]] = defaultdict(set)
    for column in columns:
        known = worlds.select(ASKED, column).drop_nulls().unique()
        for record, value in known.iter_rows():
            keys[record].add((column, value))
    return keys
