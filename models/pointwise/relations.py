"""Relations: Ibis' table operations as loops over the rows that a question demands.

A question asks for the rows with given values in some columns. Each operation hands these demands down to what it is
made of, and its rows up to what asked: what is not demanded is never read, and what is not used is never worked out.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import nullcontext

import ibis.expr.operations as ops

from models.pointwise.code import Kind, NotPointwise, Value, Writer
from models.pointwise.columns import Columns, RowAtHand
from models.pointwise.folds import Fold
from models.pointwise.joins import Joins, Sides
from models.pointwise.listings import Demand, Listings
from models.pointwise.values import Values, kind_of
from models.pointwise.windows import Windows

Consume = Callable[[Columns], None]


class Relations:
    """Compiles relations into one writer.

    Parameters
    ----------
    writer
        Where the loops go.
    listings
        What is found by key.
    shared
        Projections that several relations read: their rows are made once for each key.
    """

    def __init__(self, writer: Writer, listings: Listings, shared: Collection[ops.Relation]) -> None:
        self.writer = writer
        self.values = Values(writer)
        self._listings = listings
        self._shared = shared

    def rows(self, op: ops.Relation, demands: Sequence[Demand], consume: Consume) -> None:
        """Write loops over the rows of `op` that meet `demands`, with `consume` in the innermost.

        Raises
        ------
        NotPointwise
            If `op` is not known, or its rows cannot be found by a key.
        """
        if any(demand.value.is_null and not demand.null_safe for demand in demands):
            return
        if op in self._shared:
            self._listed(op, demands, consume)
            return
        compiled = self._COMPILED.get(type(op))
        if compiled is None:
            raise NotPointwise(type(op).__name__)
        compiled(self, op, demands, consume)

    def projected(self, op: ops.Project, demands: Sequence[Demand], consume: Consume) -> None:
        """Write the rows of a projection; windows in it look at its parent's rows once more."""
        down, here = _below(op.values, demands, op.parent)
        if any(_never(op.values[demand.column]) and not demand.null_safe for demand in here):
            return

        def each(columns: Columns) -> None:
            row = RowAtHand({op.parent: columns}, Windows(self, op))
            made = Columns(self.writer, lambda name: self.values.of(op.values[name], row))
            self._meeting(here, made, consume)

        self.rows(op.parent, down, each)

    def _listed(self, op: ops.Relation, demands: Sequence[Demand], consume: Consume) -> None:
        listing, key = self._listings.find(op, demands)
        names: dict[str, str] = {}

        def column(name: str) -> Value:
            listing.wanted.setdefault(name)
            names.setdefault(name, self.writer.name("c"))
            return Value(names[name], kind_of(op.schema[name]), simple=True)

        said = f"if {key.value.text} is not None:" if key.value.nullable and not key.null_safe else ""
        with (
            self.writer.block(said) if said else nullcontext(),
            self.writer.block(lambda: listing.loop(names, key.value.text)),
        ):
            rest = [demand for demand in demands if demand is not key]
            self._meeting(rest, Columns(self.writer, column), consume)

    def _meeting(self, demands: Sequence[Demand], columns: Columns, consume: Consume) -> None:
        """Consume the row at hand if it meets `demands`."""
        if not demands:
            consume(columns)
            return
        first, rest = demands[0], demands[1:]
        with self.writer.block(f"if {_meets(columns[first.column], first)}:"):
            self._meeting(rest, columns, consume)

    def _filtered(self, op: ops.Filter, demands: Sequence[Demand], consume: Consume) -> None:
        def each(columns: Columns) -> None:
            self._passing(list(op.predicates), columns, RowAtHand({op.parent: columns}), consume)

        self.rows(op.parent, demands, each)

    def _passing(self, tests: Sequence[ops.Value], columns: Columns, row: RowAtHand, consume: Consume) -> None:
        if not tests:
            consume(columns)
            return
        test = self.values.of(tests[0], row)
        if test.literal and test.text != "True":
            return
        with nullcontext() if test.literal else self.writer.block(f"if {test.text}:"):
            self._passing(tests[1:], columns, row, consume)

    def _dropped(self, op: ops.DropColumns, demands: Sequence[Demand], consume: Consume) -> None:
        self.rows(op.parent, demands, consume)

    def _united(self, op: ops.Union, demands: Sequence[Demand], consume: Consume) -> None:
        if op.distinct:
            raise NotPointwise("a union of distinct rows")
        self.rows(op.left, demands, consume)
        self.rows(op.right, demands, consume)

    def _aggregated(self, op: ops.Aggregate, demands: Sequence[Demand], consume: Consume) -> None:
        by = {demand.column: demand for demand in demands}
        if not op.groups or not op.groups.keys() <= by.keys():
            raise NotPointwise("groups that are not asked for by their keys")
        keys = [by[name] for name in op.groups]
        down, here = _below(op.groups, keys, op.parent)
        folds = {name: Fold(metric, self.writer) for name, metric in op.metrics.items()}
        seen = self.writer.name("n")
        self.writer.line(f"{seen} = False")

        def each(columns: Columns) -> None:
            row = RowAtHand({op.parent: columns})
            made = Columns(self.writer, lambda name: self.values.of(op.groups[name], row))
            self._meeting(here, made, lambda _: take(row))

        def take(row: RowAtHand) -> None:
            self.writer.line(f"{seen} = True")
            for fold in folds.values():
                fold.add(None if fold.argument is None else self.values.of(fold.argument, row))

        self.rows(op.parent, down, each)
        answers = {**{demand.column: demand.value for demand in keys}}
        answers |= {name: fold.value for name, fold in folds.items()}
        with self.writer.block(f"if {seen}:"):
            rest = [demand for demand in demands if demand.column not in op.groups]
            self._meeting(rest, Columns(self.writer, answers.__getitem__), consume)

    def _joined(self, op: ops.JoinChain, demands: Sequence[Demand], consume: Consume) -> None:
        down, here = _below(op.values, demands, op.first)

        def whole(sides: Sides) -> None:
            row = RowAtHand(sides)
            made = Columns(self.writer, lambda name: self.values.of(op.values[name], row))
            self._meeting(here, made, consume)

        joins = Joins(self, op)
        self.rows(op.first.parent, down, lambda columns: joins.rows({op.first: columns}, whole))

    _COMPILED: Mapping[type, Callable[[Relations, ops.Relation, Sequence[Demand], Consume], None]] = {
        ops.UnboundTable: _listed,
        ops.Project: projected,
        ops.Filter: _filtered,
        ops.DropColumns: _dropped,
        ops.Union: _united,
        ops.Aggregate: _aggregated,
        ops.JoinChain: _joined,
    }


def _below(
    values: Mapping[str, ops.Value], demands: Sequence[Demand], parent: ops.Relation
) -> tuple[list[Demand], list[Demand]]:
    """Return the demands that can be handed down to `parent`, and those that have to be met here."""
    down, here = [], []
    for demand in demands:
        made = values[demand.column]
        if isinstance(made, ops.Field) and made.rel == parent:
            down.append(Demand(made.name, demand.value, demand.null_safe))
        else:
            here.append(demand)
    return down, here


def _never(value: ops.Value) -> bool:
    return isinstance(value, ops.Literal) and value.value is None


def _meets(found: Value, demand: Demand) -> str:
    value = demand.value
    if Kind.FLOAT in (found.kind, value.kind):
        raise NotPointwise("a key that is a floating number")
    test = f"{found.text} == {value.text}"
    return test if demand.null_safe or not value.nullable else f"{value.text} is not None and {test}"
