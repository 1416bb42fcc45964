"""What a model's decisions do when its inputs change in ways that should not matter much, or not at all."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from crm.tables import TABLES
from models.spec import Kind
from validation.probed import Perturbed
from validation.probes.changes import reordered_levels, reversible_order, shifted, with_column
from validation.probes.judged_rows import JUDGED, JudgedRows, at_most_rows, judged_rows
from validation.probes.subject import Subject
from validation.scored import Floats

EXACT = 5_000
"""Rows on which scores out of range are compared bit for bit: a fault of the encoding shows on any of them."""

Changed = Iterator[tuple[str, pa.Table]]


def perturb(subject: Subject) -> tuple[Perturbed, ...]:
    """Change the held-out rows in every way that the robustness gate asks about, and say which decisions flip.

    Missing: each field that may be absent is taken away everywhere. Shift: numbers are moved by the policy's step, each
    alone, and at once all that people record; dates, clocks and histories are not retyped. Out of range: a number far
    outside, but still scored, against the same at the edge of training. Reordered: rows, and the levels of
    categories, in another order.
    """
    held_out = np.flatnonzero(subject.test)
    judged = judged_rows(subject, at_most_rows(subject, held_out, JUDGED))
    few = judged_rows(subject, subject.drawn(held_out, EXACT))
    score = subject.model.predict(judged.table)
    changes = [("missing", name, subject.model.predict(table)) for name, table in _missing(subject, judged.table)]
    changes += [("shift", name, subject.model.predict(table)) for name, table in _shifted(subject, judged.table)]
    changes += [("reordered", name, after) for name, after in _reordered(subject, judged.table)]
    return (*_compared(judged, score, changes), *_out_of_range(subject, few))


def _compared(rows: JudgedRows, before: Floats, changes: list[tuple[str, str, Floats]]) -> Iterator[Perturbed]:
    flagged = rows.flagged(before)
    flips = rows.flips(flagged, [rows.flagged(after) for _kind, _name, after in changes])
    for (kind, name, after), draws in zip(changes, flips, strict=True):
        differing = int((before != after).sum())
        yield Perturbed(kind, name, draws, rows.table.num_rows, int(flagged.sum()), differing)


def _missing(subject: Subject, table: pa.Table) -> Changed:
    for name in optional(subject):
        values = table.column(name)
        yield name, with_column(table, name, pa.nulls(len(values), values.type))


def optional(subject: Subject) -> tuple[str, ...]:
    """Return the features that may be absent at the moment of prediction.

    These are the optional columns of the model's table, and what training knew only of some rows, such as a history;
    not those without which the model abstains.
    """
    fields, train = TABLES[subject.spec.table], subject.trained_on
    nullable = {field.name for field in fields if field.nullable}
    names = [name for name in subject.spec.feature_names if name not in subject.spec.required]
    return tuple(name for name in names if name in nullable or train.column(name).null_count)


def _shifted(subject: Subject, table: pa.Table) -> Changed:
    step, train, everything = subject.policy.gates.robustness.step.value, subject.trained_on, table
    recorded = {field.name for field in TABLES[subject.spec.table]}
    for place, name in enumerate(_numbers(subject)):
        chance = np.random.default_rng([subject.seed, place])
        moved = shifted(table.column(name), train.column(name), step, chance)
        if moved is not None:
            everything = with_column(everything, name, moved) if name in recorded else everything
            yield name, with_column(table, name, moved)
    if everything is not table:
        yield "", everything


def _reordered(subject: Subject, table: pa.Table) -> Iterator[tuple[str, Floats]]:
    order, back = reversible_order(table.num_rows, subject.seed)
    yield "rows", subject.model.predict(table.take(pa.array(order)))[back]
    categories = [feature.name for feature in subject.spec.features if feature.kind is Kind.CATEGORY]
    if categories:
        other = table
        for name in categories:
            other = with_column(other, name, reordered_levels(table.column(name)))
        yield "levels", subject.model.predict(other)


def _out_of_range(subject: Subject, rows: JudgedRows) -> Iterator[Perturbed]:
    for name, ends in _beyond(subject).items():
        sides = [_outside(subject, rows, name, edge, far) for edge, far in ends]
        yield max(sides, key=lambda side: side.differing)


def _outside(subject: Subject, rows: JudgedRows, name: str, edge: float, far: float) -> Perturbed:
    at_edge, outside = (subject.model.predict(_constant(rows.table, name, value)) for value in (edge, far))
    return next(_compared(rows, at_edge, [("out_of_range", name, outside)]))


def _beyond(subject: Subject) -> dict[str, list[tuple[float, float]]]:
    """Return of each number the edges of training, each with what lies `reach` ranges outside of them."""
    reach, train = subject.policy.gates.robustness.reach.value, subject.trained_on
    ranges = {column.name: (column.low, column.high) for column in subject.model.columns}
    found = {}
    for name in _numbers(subject):
        ends, (low, high) = pc.min_max(pc.cast(train.column(name), pa.float64())), ranges[name]
        if low is not None and high is not None:
            least, most, width = ends["min"].as_py(), ends["max"].as_py(), reach * (high - low)
            # A rare value may lie farther out already: then nothing beyond it is scored.
            found[name] = [(least, min(least, low - width)), (most, max(most, high + width))]
    return found


def _constant(table: pa.Table, name: str, value: float) -> pa.Table:
    return with_column(table, name, pa.array(np.full(table.num_rows, value)))


def _numbers(subject: Subject) -> list[str]:
    return [feature.name for feature in subject.spec.features if feature.kind is Kind.NUMBER]
