"""Folds: sums, greatest and least values and counts, taken up row by row."""

from __future__ import annotations

from contextlib import nullcontext
from typing import Final

import ibis.expr.operations as ops

from models.pointwise.code import Kind, NotPointwise, Value, Writer

ORDERED: Final = frozenset({Kind.WHOLE, Kind.TEXT, Kind.MOMENT, Kind.DAY})


class Fold:
    """One reduction over rows; nulls do not count.

    Parameters
    ----------
    func
        What is reduced, and how.
    writer
        Where it starts.

    Raises
    ------
    NotPointwise
        If the reduction is not known.
    """

    def __init__(self, func: ops.Value, writer: Writer) -> None:
        if type(func) not in (ops.Sum, ops.Max, ops.Min, ops.Count, ops.CountStar) or func.where is not None:
            raise NotPointwise(type(func).__name__)
        self._func = func
        self._writer = writer
        self._counts = isinstance(func, ops.Count | ops.CountStar)
        self._name = writer.name("s")
        self._kind = Kind.WHOLE
        writer.line(f"{self._name} = {0 if self._counts else None}")

    @property
    def argument(self) -> ops.Value | None:
        """What is reduced; None where rows are counted."""
        return None if isinstance(self._func, ops.CountStar) else self._func.arg

    @property
    def value(self) -> Value:
        """What it came to."""
        return Value(self._name, self._kind, not self._counts, simple=True)

    def add(self, value: Value | None) -> None:
        """Take up the value of one row."""
        if value is None:
            self._writer.line(f"{self._name} += 1")
        elif value.kind is not Kind.NULL:
            bound = self._writer.bound(value)
            with self._writer.block(f"if {bound.text} is not None:") if bound.nullable else nullcontext():
                self._add(bound)

    def _add(self, value: Value) -> None:
        name, write = self._name, self._writer
        if self._counts:
            write.line(f"{name} += 1")
            return
        if value.kind not in ORDERED or (isinstance(self._func, ops.Sum) and value.kind is not Kind.WHOLE):
            raise NotPointwise(f"{type(self._func).__name__} of a {value.kind}")
        self._kind = value.kind
        if isinstance(self._func, ops.Sum):
            write.line(f"{name} = {value.text} if {name} is None else {name} + {value.text}")
            return
        sign = ">" if isinstance(self._func, ops.Max) else "<"
        with write.block(f"if {name} is None or {value.text} {sign} {name}:"):
            write.line(f"{name} = {value.text}")
