"""The row at hand: its columns, each worked out when it is first asked for."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Protocol

import ibis.expr.operations as ops

from models.pointwise.code import Block, NotPointwise, Value, Writer


class Columns:
    """The columns of one relation's row."""

    def __init__(self, writer: Writer, make: Callable[[str], Value]) -> None:
        self._writer = writer
        self._make = make
        self._known: dict[str, tuple[Value, Block]] = {}

    def __getitem__(self, name: str) -> Value:
        if name in self._known and self._writer.reaches(self._known[name][1]):
            return self._known[name][0]
        value = self._writer.bound(self._make(name))
        self._known[name] = value, self._writer.here
        return value


class WindowSource(Protocol):
    """What answers the windows of an expression."""

    def of(self, window: ops.WindowFunction, row: RowAtHand) -> Value:
        """Return what `window` gives for `row`."""


class RowAtHand:
    """What the fields and windows of an expression stand for."""

    def __init__(self, columns: Mapping[ops.Relation, Columns], windows: WindowSource | None = None) -> None:
        self._columns = columns
        self._windows = windows

    def field(self, field: ops.Field) -> Value:
        """Return a column of the relation that `field` is of."""
        return self._columns[field.rel][field.name]

    def window(self, window: ops.WindowFunction) -> Value:
        """Return what `window` gives for this row."""
        if self._windows is None:
            raise NotPointwise("a window outside of a projection")
        return self._windows.of(window, self)
