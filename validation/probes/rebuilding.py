"""Builds features again from what was known at the moment of prediction, and counts what differs."""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import ibis
import numpy as np
import polars as pl
import pyarrow as pa
from ibis import _

from models.features import open_source
from models.spec import ModelSpec, Tables, Timeline
from models.splitting import patient_codes
from validation.probed import Rebuilt
from validation.probes.subject import Subject
from validation.probes.worlds import ASKED, apart, as_handed_in, as_known_then, related_rows, without_own_outcome
from validation.scored import Codes

MEMORY_GB = 2.0
"""Of the engine: it reads the table's keys once, and a few rows for each that is rebuilt."""
BUILDS = 8
"""Batches at most: rows whose worlds meet are built apart, and where nearly all meet some are left out."""
WORLD_ROWS = 200_000
"""Rows read for all worlds together: where a whole day shares its moment they would be the table many times over."""
HISTORIES = (2, 5)
"""Rows of a patient from which on a history is of the next length: looking ahead shows where there is most to see."""
STEPS = (as_handed_in, without_own_outcome, as_known_then)
"""What is taken away one after another, in the order of the fields of `validation.probed.Rebuilt`."""


def rebuild(subject: Subject) -> Rebuilt | None:
    """Build the features of some rows again from less and less of their table; None where the spec has no timeline.

    First from the rows that scoring hands in, then without their own outcome, then as the table stood at their moment.
    No step may change a feature against the one before, not in the last bit.

    References
    ----------
    Kaufman, Rosset, Perlich and Stitelman 2012, Leakage in data mining, ACM TKDD 6(4): "no time machine".
    """
    spec, timeline = subject.spec, subject.spec.timeline
    if timeline is None:
        return None
    chosen = subject.rows.take(pa.array(places(subject))).select(["record_id", *spec.feature_names])
    with (
        tempfile.TemporaryDirectory() as spill,
        open_source(
            subject.files,
            threads=subject.threads,
            memory_limit_gb=MEMORY_GB,
            spill=Path(spill),
            consent_to=subject.consent_to,
        ) as (engine, tables),
    ):
        return _Builder(spec, timeline, engine, tables).compare(pl.DataFrame(chosen))


def places(subject: Subject) -> Codes:
    """Return the rows to rebuild: half by lot of those held out.

    The other half comes from all rows, evenly over outcomes and lengths of the patient's history.
    """
    count = subject.policy.gates.leakage.rebuilt_rows.value
    by_lot = subject.drawn(np.flatnonzero(subject.test), count // 2)
    rest = np.setdiff1d(np.arange(subject.rows.num_rows), by_lot)
    rest = np.random.default_rng(subject.seed).permutation(rest)
    patient = patient_codes(subject.rows)
    history = np.searchsorted(HISTORIES, np.bincount(patient)[patient], side="right")
    label = np.asarray(subject.rows.column("label"), dtype=np.int64)
    kind = (label * (len(HISTORIES) + 1) + history)[rest]
    turn = np.empty_like(kind)
    turn[np.argsort(kind, kind="stable")] = np.concatenate([np.arange(size) for size in np.bincount(kind)])
    return np.concatenate([by_lot, rest[np.argsort(turn, kind="stable")][: count - len(by_lot)]])


class _Builder:
    """Builds features of chosen rows from changed tables."""

    def __init__(self, spec: ModelSpec, timeline: Timeline, engine: ibis.BaseBackend, tables: Tables) -> None:
        self._spec, self._timeline, self._engine, self._tables = spec, timeline, engine, tables

    def compare(self, built: pl.DataFrame) -> Rebuilt:
        """Count the rows of `built`, as training had them, that differ once they are built again."""
        records = self._affordable(built["record_id"].to_list())
        worlds = self._read(related_rows(self._spec, self._tables[self._spec.table], records))
        batches = apart(self._spec, worlds, records, most=BUILDS)
        found: list[Counter[str]] = [Counter() for _step in STEPS]
        for batch in batches:
            before = built.filter(pl.col("record_id").is_in(batch))
            world = worlds.filter(pl.col(ASKED).is_in(batch))
            for step, differing in zip(STEPS, found, strict=True):
                after = self._build(step(self._spec, self._timeline, world).drop(ASKED), before["record_id"].to_list())
                differing.update(_differing(before, after))
                before = after
        return Rebuilt(sum(map(len, batches)), *map(dict, found))

    def _affordable(self, records: list[str]) -> list[str]:
        """Return the first of `records`, as many as have no more than `WORLD_ROWS` in their worlds together."""
        related = related_rows(self._spec, self._tables[self._spec.table], records)
        sizes = dict(self._read(related.group_by(ASKED).agg(rows=_.count())).iter_rows())
        upto = np.cumsum([sizes.get(record, 0) for record in records])
        return records[: int(np.searchsorted(upto, WORLD_ROWS, side="right"))]

    def _build(self, world: pl.DataFrame, records: Sequence[str]) -> pl.DataFrame:
        """Return the features of `records`, in this order, nulls where the build has no row for one."""
        tables = {**self._tables, self._spec.table: ibis.memtable(world.to_arrow())}
        wanted = self._spec.build(tables).filter(
            _.record_id.isin(ibis.memtable(pa.table({"wanted": pa.array(records, pa.string())})).wanted)
        )
        rows = self._read(wanted.select("record_id", *self._spec.feature_names)).unique("record_id")
        return pl.DataFrame({"record_id": records}).join(rows, "record_id", how="left", maintain_order="left")

    def _read(self, expression: ibis.Table) -> pl.DataFrame:
        return pl.DataFrame(self._engine.to_pyarrow(expression))


def _differing(before: pl.DataFrame, after: pl.DataFrame) -> Counter[str]:
    """Count the rows that differ, by feature; nulls equal each other."""
    counts = {name: int(before[name].ne_missing(after[name]).sum()) for name in before.columns if name != "record_id"}
    return Counter({name: count for name, count in counts.items() if count})
