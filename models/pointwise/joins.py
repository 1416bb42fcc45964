"""Joins on equal keys: for the row at hand, the rows of the other side are looked up."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

import ibis.expr.operations as ops

from models.pointwise.code import NotPointwise, Value
from models.pointwise.columns import Columns, RowAtHand
from models.pointwise.listings import Demand, targets
from models.pointwise.values import kind_of, merged

if TYPE_CHECKING:
    from models.pointwise.relations import Relations

Sides = Mapping[ops.Relation, Columns]


class Joins:
    """The links of one chain of joins."""

    def __init__(self, relations: Relations, chain: ops.JoinChain) -> None:
        self._relations = relations
        self._writer = relations.writer
        self._chain = chain

    def rows(self, sides: Sides, consume: Callable[[Sides], None]) -> None:
        """Write the loops over the rows that belong to the row of the first side, with `consume` in the innermost."""
        self._next(list(self._chain.rest), sides, consume)

    def _next(self, links: Sequence[ops.JoinLink], sides: Sides, consume: Callable[[Sides], None]) -> None:
        if not links:
            consume(sides)
            return
        link, rest = links[0], links[1:]

        def onward(columns: Columns) -> None:
            self._next(rest, {**sides, link.table: columns}, consume)

        demands = [self._demand(predicate, link.table, sides) for predicate in link.predicates]
        if link.how == "inner":
            self._relations.rows(link.table.parent, demands, onward)
        elif link.how == "left":
            self._or_nulls(link.table, demands, onward)
        else:
            raise NotPointwise(f"a join that is {link.how}")

    def _or_nulls(
        self, table: ops.JoinReference, demands: Sequence[Demand], consume: Callable[[Columns], None]
    ) -> None:
        used = sorted(self._used(table))
        found = self._writer.name("m")
        self._writer.line(f"{found} = []")

        def keep(columns: Columns) -> None:
            values = targets([columns[name].text for name in used]) if used else ""
            self._writer.line(f"{found}.append(({values}))")

        self._relations.rows(table.parent, demands, keep)
        names = {name: self._writer.name("c") for name in used}
        nothing = f"({'None, ' * len(used)})"
        with self._writer.block(f"for {targets(list(names.values()))} in {found} or ({nothing},):"):
            consume(
                Columns(self._writer, lambda name: Value(names[name], kind_of(table.parent.schema[name]), simple=True))
            )

    def _used(self, table: ops.JoinReference) -> set[str]:
        """Return the columns of one side that the chain reads."""
        read = [*self._chain.values.values(), *(test for link in self._chain.rest for test in link.predicates)]
        fields = (field for value in read for field in value.find(ops.Field))
        return {field.name for field in fields if field.rel == table}

    def _demand(self, predicate: ops.Value, table: ops.JoinReference, sides: Sides) -> Demand:
        if isinstance(predicate, ops.Equals):
            for column, other in ((predicate.right, predicate.left), (predicate.left, predicate.right)):
                if isinstance(column, ops.Field) and column.rel == table:
                    value = self._writer.bound(self._relations.values.of(other, RowAtHand(sides)))
                    merged(value, Value("", kind_of(column.dtype)))
                    return Demand(column.name, value, null_safe=False)
        raise NotPointwise("a join on anything but equal columns")
