"""Listings: rows that are found by a key, of a canonical table or of what several relations make of one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import ibis.expr.operations as ops

from models.pointwise.code import NotPointwise, Value


@dataclass(frozen=True, slots=True)
class Demand:
    """A column that has to have a value; with `null_safe` null is a value like others."""

    column: str
    value: Value
    null_safe: bool


@dataclass
class Listing:
    """The rows of `relation` that have one value in a column of it.

    Attributes
    ----------
    relation, column
        What is listed, by which of its columns.
    table, key
        The canonical table below, and its column that the rows are found by.
    place
        Its number.
    wanted
        The columns that are used, in the order of the rows' values.
    """

    relation: ops.Relation
    column: str
    table: str
    key: str
    place: int
    wanted: dict[str, None] = field(default_factory=dict)

    @property
    def shared(self) -> bool:
        """Whether the rows are made of those of a canonical table."""
        return not isinstance(self.relation, ops.UnboundTable)

    def loop(self, names: Mapping[str, str], key: str) -> str:
        """Return the header of a loop over the rows, which gives columns their `names`."""
        found = f"rows_{self.place}({key}, read, memo)" if self.shared else f"read({self.place}, {key})"
        return f"for {targets([names.get(column, '_') for column in self.wanted])} in {found}:"


def targets(names: Sequence[str]) -> str:
    """Return what a tuple of as many values is unpacked into, or is made of."""
    return "".join(f"{name}, " for name in names).strip() or "_"


class Listings:
    """The listings that an expression needs.

    Parameters
    ----------
    keys
        The columns by which rows of each canonical table can be found, the best first.
    """

    def __init__(self, keys: Mapping[str, Sequence[str]]) -> None:
        self._keys = keys
        self.found: dict[tuple[ops.Relation, str], Listing] = {}

    def find(self, relation: ops.Relation, demands: Sequence[Demand]) -> tuple[Listing, Demand]:
        """Return the listing that answers one of `demands`, and which one.

        Raises
        ------
        NotPointwise
            If all rows would have to be read.
        """
        table = relation if isinstance(relation, ops.UnboundTable) else relation.parent
        by_key = {_below(relation, demand.column): demand for demand in demands}
        for key in self._keys.get(table.name, ()):
            if key in by_key:
                return self._listing(relation, by_key[key].column, table.name, key), by_key[key]
        raise NotPointwise(f"reading {table.name} other than by a key")

    def _listing(self, relation: ops.Relation, column: str, table: str, key: str) -> Listing:
        if (relation, column) not in self.found:
            self.found[relation, column] = Listing(relation, column, table, key, len(self.found))
        return self.found[relation, column]


def _below(relation: ops.Relation, column: str) -> str | None:
    """Return the column of the canonical table that `column` is, if it is one."""
    if isinstance(relation, ops.UnboundTable):
        return column
    made = relation.values[column]
    return made.name if isinstance(made, ops.Field) else None
