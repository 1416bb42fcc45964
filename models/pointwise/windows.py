"""Windows: what a row's relation says of the rows that share its key, up to its moment."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import nullcontext
from typing import TYPE_CHECKING

import ibis.expr.operations as ops

from models.pointwise.code import Block, Kind, NotPointwise, Value
from models.pointwise.columns import Columns, RowAtHand
from models.pointwise.folds import Fold
from models.pointwise.listings import Demand

if TYPE_CHECKING:
    from models.pointwise.relations import Relations


class Windows:
    """The windows of one projection, for the row at hand; those over the same rows share one loop."""

    def __init__(self, relations: Relations, projection: ops.Project) -> None:
        self._relations = relations
        self._writer = relations.writer
        self._values = relations.values
        self._projection = projection
        self._known: dict[ops.WindowFunction, tuple[Value, Block]] = {}

    def of(self, window: ops.WindowFunction, row: RowAtHand) -> Value:
        """Return what `window` gives for `row`.

        Raises
        ------
        NotPointwise
            If its frame, order or function is not known.
        """
        if window not in self._known or not self._writer.reaches(self._known[window][1]):
            alike = [other for other in self._all() if _frame(other) == _frame(window)]
            work = self._lagged if isinstance(window.func, ops.Lag) else self._folded
            for other, value in zip(alike, work(alike, row), strict=True):
                self._known[other] = value, self._writer.here
        return self._known[window][0]

    def _all(self) -> list[ops.WindowFunction]:
        found = (node for value in self._projection.values.values() for node in value.find(ops.WindowFunction))
        return list(dict.fromkeys(found))

    def _folded(self, windows: Sequence[ops.WindowFunction], row: RowAtHand) -> list[Value]:
        window = windows[0]
        moment = self._moment(window, row)
        folds = [Fold(other.func, self._writer) for other in windows]

        def each(inner: RowAtHand) -> None:
            arguments = [None if fold.argument is None else self._values.of(fold.argument, inner) for fold in folds]
            if all(argument is not None and argument.is_null for argument in arguments):
                return
            test = self._within(window, moment, inner)
            with self._writer.block(f"if {test}:") if test else nullcontext():
                for fold, argument in zip(folds, arguments, strict=True):
                    fold.add(argument)

        self._partition(window, row, each)
        return [fold.value for fold in folds]

    def _lagged(self, windows: Sequence[ops.WindowFunction], row: RowAtHand) -> list[Value]:
        window = windows[0]
        if not window.order_by or any(_leaps(other.func) for other in windows):
            raise NotPointwise("Lag over more than one row")
        moment = self._moment(window, row)
        last, names = self._writer.name("t"), [self._writer.name("s") for _ in windows]
        for name in (last, *names):
            self._writer.line(f"{name} = None")
        kinds = [Kind.NULL] * len(windows)

        def each(inner: RowAtHand) -> None:
            at = self._writer.bound(self._values.of(window.order_by[0].arg, inner))
            before = _unless_null(moment, f"{at.text} < {moment.text}", "True")
            with self._writer.block(
                f"if {at.text} is not None and {before} and ({last} is None or {at.text} >= {last}):"
            ):
                self._writer.line(f"{last} = {at.text}")
                for place, (name, other) in enumerate(zip(names, windows, strict=True)):
                    value = self._values.of(other.func.arg, inner)
                    kinds[place] = kinds[place] if value.is_null else value.kind
                    self._writer.line(f"{name} = {value.text}")

        self._partition(window, row, each)
        return [Value(name, kind, simple=True) for name, kind in zip(names, kinds, strict=True)]

    def _partition(self, window: ops.WindowFunction, row: RowAtHand, each: Callable[[RowAtHand], None]) -> None:
        parent = self._projection.parent
        keys = [(key, self._writer.bound(self._values.of(key, row))) for key in window.group_by]
        own = [(key, value) for key, value in keys if isinstance(key, ops.Field)]
        demands = [Demand(key.name, value, null_safe=True) for key, value in own]
        reckoned = [pair for pair in keys if pair not in own]

        def consume(columns: Columns) -> None:
            inner = RowAtHand({parent: columns})
            tests = [f"{self._values.of(key, inner).text} == {value.text}" for key, value in reckoned]
            with self._writer.block(f"if {' and '.join(tests)}:") if tests else nullcontext():
                each(inner)

        self._relations.rows(parent, demands, consume)

    def _moment(self, window: ops.WindowFunction, row: RowAtHand) -> Value:
        if not window.order_by:
            return Value("None", Kind.NULL, simple=True, literal=True)
        key, *others = window.order_by
        if others or not key.ascending or key.nulls_first:
            raise NotPointwise("a window that is not in one ascending order")
        moment = self._writer.bound(self._values.of(key.arg, row))
        if moment.kind in (Kind.FLOAT, Kind.DECIMAL):
            raise NotPointwise("a window in the order of floating numbers")
        return moment

    def _within(self, window: ops.WindowFunction, moment: Value, row: RowAtHand) -> str:
        """Return whether a row lies in the frame of one at `moment`; rows without a moment come last."""
        if window.start is None and window.end is None:
            return ""
        back = _preceding(window)
        at = self._writer.bound(self._values.of(window.order_by[0].arg, row))
        known = f"{at.text} is not None and {at.text} <= {moment.text}"
        if back is None:
            return _unless_null(moment, known, "True")
        return _unless_null(moment, f"{known} and {at.text} >= {moment.text} - {back}", f"{at.text} is None")


def _unless_null(moment: Value, test: str, otherwise: str) -> str:
    return f"({otherwise} if {moment.text} is None else {test})" if moment.nullable else f"({test})"


def _frame(window: ops.WindowFunction) -> tuple[object, ...]:
    lags = isinstance(window.func, ops.Lag)
    return lags, window.how, window.start, window.end, window.group_by, window.order_by


def _preceding(window: ops.WindowFunction) -> int | None:
    """Return how far back a range reaches that ends with the row's own moment; None where all the way."""
    end, start = window.end, window.start
    ends_here = end is not None and isinstance(end.value, ops.Literal) and end.value.value == 0
    if window.how != "range" or not window.order_by or not ends_here:
        raise NotPointwise("this frame of a window")
    if start is None:
        return None
    back = start.value
    if not start.preceding or not isinstance(back, ops.Literal) or not isinstance(back.value, int):
        raise NotPointwise("this frame of a window")
    return back.value


def _leaps(lag: ops.Lag) -> bool:
    one = lag.offset is None or (isinstance(lag.offset, ops.Literal) and lag.offset.value == 1)
    return not one or (lag.default is not None and getattr(lag.default, "value", 0) is not None)
