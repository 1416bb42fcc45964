"""Values: Ibis' scalar operations as Python expressions with the nulls of SQL."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from math import isfinite
from typing import Any, Final, Protocol

import ibis.expr.datatypes as dt
import ibis.expr.operations as ops
from ibis.common.temporal import DateUnit, IntervalUnit, TimeUnit

from models.pointwise.code import NULL, Kind, NotPointwise, Value, Writer

SECOND, DAY = 1_000_000, 86_400_000_000
"""In microseconds."""
UNITS: Final[Mapping[str, int]] = {"s": SECOND, "m": 60 * SECOND, "h": 3600 * SECOND, "D": DAY}
NUMBERS: Final = frozenset({Kind.WHOLE, Kind.FLOAT, Kind.DECIMAL, Kind.NULL})


class Row(Protocol):
    """What the fields of an expression stand for."""

    def field(self, field: ops.Field) -> Value:
        """Return a column of the row."""

    def window(self, window: ops.WindowFunction) -> Value:
        """Return what a window over the row's relation gives for the row."""


def kind_of(dtype: dt.DataType) -> Kind:
    """Return how values of an Ibis type are held.

    Raises
    ------
    NotPointwise
        If values of this type are not held.
    """
    for test, kind in (
        (dt.Null, Kind.NULL),
        (dt.Boolean, Kind.FLAG),
        (dt.SignedInteger, Kind.WHOLE),
        (dt.Float64, Kind.FLOAT),
        (dt.String, Kind.TEXT),
        (dt.Date, Kind.DAY),
    ):
        if isinstance(dtype, test):
            return kind
    if isinstance(dtype, dt.Timestamp) and dtype.timezone is None and dtype.scale in (None, 6):
        return Kind.MOMENT
    raise NotPointwise(f"the type {dtype}")


class Values:
    """Compiles scalar operations into the text of a writer."""

    def __init__(self, writer: Writer) -> None:
        self._writer = writer

    def of(self, op: ops.Value, row: Row) -> Value:
        """Return the expression of `op` for `row`.

        Raises
        ------
        NotPointwise
            If `op` or its types are not known.
        """
        if isinstance(op, ops.Field):
            return row.field(op)
        if isinstance(op, ops.WindowFunction):
            return row.window(op)
        if isinstance(op, ops.Literal):
            return literal(op)
        compiled = COMPILED.get(type(op))
        if compiled is None:
            raise NotPointwise(type(op).__name__)
        return compiled(self, op, row)

    def strict(self, kind: Kind, make: Callable[..., str], *operands: Value) -> Value:
        """Return what `make` says of the operands' texts, null where one of them is."""
        if any(operand.is_null for operand in operands):
            return NULL
        texts, absent = [], []
        for operand in operands:
            text, tested = self._tested(operand)
            texts.append(text)
            absent += [f"{tested} is None"] if operand.nullable else []
        if not absent:
            return Value(f"({make(*texts)})", kind, nullable=False)
        return Value(f"(None if {' or '.join(absent)} else {make(*texts)})", kind)

    def named(self, value: Value) -> tuple[str, str]:
        """Return how `value` is read, and how it is read the first time."""
        if value.simple:
            return value.text, value.text
        name = self._writer.name()
        return name, f"({name} := {value.text})"

    def _tested(self, value: Value) -> tuple[str, str]:
        return self.named(value) if value.nullable else (value.text, value.text)


def literal(op: ops.Literal) -> Value:
    """Return the text of a literal."""
    if op.value is None:
        return NULL
    kind = kind_of(op.dtype)
    if kind in (Kind.MOMENT, Kind.DAY):
        raise NotPointwise(f"a literal {op.dtype}")
    if kind is Kind.FLOAT:
        if not isfinite(op.value):
            raise NotPointwise("a literal that is no finite number")
        kind = Kind.DECIMAL  # DuckDB reads 0.1 as a decimal and reckons with it as one
    return Value(repr(op.value), kind, nullable=False, simple=True, literal=True)


def merged(*values: Value) -> Kind:
    """Return the kind of a value that may be any of `values`."""
    kinds = {value.kind for value in values} - {Kind.NULL}
    if kinds <= NUMBERS and kinds:
        return next(kind for kind in (Kind.FLOAT, Kind.DECIMAL, Kind.WHOLE) if kind in kinds)
    if len(kinds) > 1:
        raise NotPointwise(" with ".join(sorted(kinds)))
    return kinds.pop() if kinds else Kind.NULL


def _numbers(name: str, *values: Value) -> Kind:
    if not {value.kind for value in values} <= NUMBERS:
        raise NotPointwise(f"{name} of other values than numbers")
    return merged(*values)


def _arithmetic(sign: str) -> Callable[[Values, Any, Row], Value]:
    def compiled(values: Values, op: Any, row: Row) -> Value:
        left, right = values.of(op.left, row), values.of(op.right, row)
        kind = _numbers(type(op).__name__, left, right)
        if kind is Kind.DECIMAL:
            raise NotPointwise("reckoning with decimals")
        return values.strict(kind, lambda a, b: f"{a} {sign} {b}", left, right)

    return compiled


def _divide(values: Values, op: ops.Divide, row: Row) -> Value:
    left, right = values.of(op.left, row), values.of(op.right, row)
    _numbers("Divide", left, right)
    return values.strict(Kind.FLOAT, _quotient(right), left, right)


def _floor_divide(values: Values, op: ops.FloorDivide, row: Row) -> Value:
    left, right = values.of(op.left, row), values.of(op.right, row)
    if left.kind is Kind.WHOLE and _plain_divisor(right):
        return values.strict(Kind.WHOLE, lambda a, b: f"floor(({a} + 0.0) / {b})", left, right)
    _numbers("FloorDivide", left, right)
    return values.strict(Kind.WHOLE, lambda a, b: f"floor_divide({a}, {b})", left, right)


def _quotient(right: Value) -> Callable[[str, str], str]:
    return lambda a, b: f"({a} + 0.0) / {b}" if _plain_divisor(right) else f"divide({a}, {b})"


def _plain_divisor(value: Value) -> bool:
    return value.literal and value.kind is Kind.WHOLE and value.text != "0"


def _compare(whole: str, floats: str) -> Callable[[Values, Any, Row], Value]:
    def compiled(values: Values, op: Any, row: Row) -> Value:
        left, right = values.of(op.left, row), values.of(op.right, row)
        form = floats if merged(left, right) is Kind.FLOAT else whole
        return values.strict(Kind.FLAG, lambda a, b: form.format(a=a, b=b), left, right)

    return compiled


def _logic(name: str) -> Callable[[Values, Any, Row], Value]:
    def compiled(values: Values, op: Any, row: Row) -> Value:
        left, right = values.of(op.left, row), values.of(op.right, row)
        if left.nullable or right.nullable:
            return Value(f"{name}({left.text}, {right.text})", Kind.FLAG)
        return Value(f"({left.text} {'and' if name == 'both' else 'or'} {right.text})", Kind.FLAG, nullable=False)

    return compiled


def _not(values: Values, op: ops.Not, row: Row) -> Value:
    return values.strict(Kind.FLAG, lambda a: f"not {a}", values.of(op.arg, row))


def _present(test: str) -> Callable[[Values, Any, Row], Value]:
    def compiled(values: Values, op: Any, row: Row) -> Value:
        arg = values.of(op.arg, row)
        if not arg.nullable:
            return Value(str(test == "is not"), Kind.FLAG, nullable=False, simple=True, literal=True)
        return Value(f"({arg.text} {test} None)", Kind.FLAG, nullable=False)

    return compiled


def _null_if(values: Values, op: ops.NullIf, row: Row) -> Value:
    arg, other = values.of(op.arg, row), values.of(op.null_if_expr, row)
    form = "equal({a}, {b})" if merged(arg, other) is Kind.FLOAT else "{a} == {b}"
    if not (other.literal or other.simple) or (form.startswith("equal") and other.nullable):
        raise NotPointwise("NullIf of a reckoned value")
    name, first = values.named(arg)
    if form.startswith("equal") and arg.nullable:
        return Value(f"(None if {first} is None or {form.format(a=name, b=other.text)} else {name})", arg.kind)
    return Value(f"(None if {form.format(a=first, b=other.text)} else {name})", arg.kind)


def _coalesce(values: Values, op: ops.Coalesce, row: Row) -> Value:
    args = [values.of(arg, row) for arg in op.arg]
    kind = merged(*args)
    found = args[-1]
    for arg in reversed(args[:-1]):
        name, first = values.named(arg)
        found = Value(f"({found.text} if {first} is None else {name})", kind, found.nullable) if arg.nullable else arg
    return Value(found.text, kind, found.nullable, found.simple, found.literal)


def _extreme(name: str) -> Callable[[Values, Any, Row], Value]:
    def compiled(values: Values, op: Any, row: Row) -> Value:
        args = [arg for arg in (values.of(arg, row) for arg in op.arg) if not arg.is_null]
        if not args:
            return NULL
        texts = ", ".join(arg.text for arg in args)
        return Value(f"{name}({texts})", merged(*args), all(arg.nullable for arg in args))

    return compiled


def _in_values(values: Values, op: ops.InValues, row: Row) -> Value:
    options = [values.of(option, row) for option in op.options]
    value = values.of(op.value, row)
    if not options or merged(value, *options) is Kind.FLOAT or not all(option.literal for option in options):
        raise NotPointwise("InValues of other values than literals")
    present = ", ".join(option.text for option in options if not option.is_null)
    last = "or None" if any(option.is_null for option in options) else ""
    found = values.strict(Kind.FLAG, lambda a: f"({a} in ({present},)) {last}", value) if present else NULL
    return Value(found.text, found.kind, found.nullable or bool(last), found.simple, found.literal)


def _case(values: Values, row: Row, cases: list[tuple[ops.Value, ops.Value]], default: ops.Value) -> Value:
    compiled = [(values.of(condition, row), values.of(result, row)) for condition, result in cases]
    found = values.of(default, row)
    kind = merged(found, *(result for _, result in compiled))
    for condition, result in reversed(compiled):
        nullable = found.nullable or result.nullable
        found = Value(f"({result.text} if {condition.text} else {found.text})", kind, nullable)
    return found


def _searched_case(values: Values, op: ops.SearchedCase, row: Row) -> Value:
    return _case(values, row, list(zip(op.cases, op.results, strict=True)), op.default)


def _if_else(values: Values, op: ops.IfElse, row: Row) -> Value:
    return _case(values, row, [(op.bool_expr, op.true_expr)], op.false_null_expr)


def _cast(values: Values, op: ops.Cast, row: Row) -> Value:
    arg, to = values.of(op.arg, row), kind_of(op.to)
    if arg.is_null:
        return NULL
    if to is Kind.WHOLE and arg.kind is Kind.WHOLE and op.arg.dtype.nbytes <= op.to.nbytes:
        return arg
    if arg.kind is to and to is not Kind.WHOLE:
        return arg
    form = CASTS.get((arg.kind, to))
    if form is None:
        raise NotPointwise(f"Cast of {arg.kind} to {to}")
    bits = op.to.nbytes * 8 if to is Kind.WHOLE else 0
    return values.strict(to, lambda a: form.format(a=a, bits=bits), arg)


CASTS: Final[Mapping[tuple[Kind, Kind], str]] = {
    (Kind.WHOLE, Kind.WHOLE): "fit({a}, {bits})",
    (Kind.FLOAT, Kind.WHOLE): "whole({a}, {bits})",
    (Kind.FLAG, Kind.WHOLE): "1 if {a} else 0",
    (Kind.WHOLE, Kind.FLOAT): "{a} + 0.0",
    (Kind.DECIMAL, Kind.FLOAT): "{a} + 0.0",
    (Kind.DAY, Kind.MOMENT): f"{{a}} * {DAY}",
    (Kind.MOMENT, Kind.DAY): f"{{a}} // {DAY}",
}


def _of_moment(form: str, days: str | None = None) -> Callable[[Values, Any, Row], Value]:
    def compiled(values: Values, op: Any, row: Row) -> Value:
        arg = values.of(op.arg, row)
        chosen = {Kind.MOMENT: form, Kind.DAY: days, Kind.NULL: form}.get(arg.kind)
        if chosen is None:
            raise NotPointwise(f"{type(op).__name__} of a {arg.kind}")
        return values.strict(Kind.DAY if isinstance(op, ops.Date) else Kind.WHOLE, chosen.format, arg)

    return compiled


def _epoch_seconds(values: Values, op: ops.ExtractEpochSeconds, row: Row) -> Value:
    arg = values.of(op.arg, row)
    if arg.kind is Kind.DAY:
        return values.strict(Kind.WHOLE, lambda a: f"{a} * 86400", arg)
    if arg.kind is not Kind.MOMENT:
        raise NotPointwise(f"ExtractEpochSeconds of a {arg.kind}")
    if isinstance(op.arg, ops.Cast | ops.TimestampTruncate):
        inner = values.of(op.arg.arg, row)
        if inner.kind is Kind.DAY:
            return values.strict(Kind.WHOLE, lambda a: f"{a} * 86400", inner)
        if isinstance(op.arg, ops.TimestampTruncate) and op.arg.unit.value == "s":
            return values.strict(Kind.WHOLE, lambda a: f"{a} // {SECOND}", inner)
    return values.strict(Kind.FLOAT, lambda a: f"{a} / {SECOND}", arg)  # DuckDB counts fractions of a second


def _truncate(values: Values, op: ops.TimestampTruncate, row: Row) -> Value:
    arg, unit = values.of(op.arg, row), op.unit
    if (
        arg.kind is not Kind.MOMENT
        or not isinstance(unit, IntervalUnit | DateUnit | TimeUnit)
        or unit.value not in UNITS
    ):
        raise NotPointwise("TimestampTruncate to this unit")
    return values.strict(Kind.MOMENT, lambda a: f"{a} // {UNITS[unit.value]} * {UNITS[unit.value]}", arg)


COMPILED: Final[Mapping[type, Callable[[Values, Any, Row], Value]]] = {
    ops.Add: _arithmetic("+"),
    ops.Subtract: _arithmetic("-"),
    ops.Multiply: _arithmetic("*"),
    ops.Divide: _divide,
    ops.FloorDivide: _floor_divide,
    ops.Equals: _compare("{a} == {b}", "equal({a}, {b})"),
    ops.NotEquals: _compare("{a} != {b}", "not equal({a}, {b})"),
    ops.Less: _compare("{a} < {b}", "less({a}, {b})"),
    ops.LessEqual: _compare("{a} <= {b}", "not less({b}, {a})"),
    ops.Greater: _compare("{a} > {b}", "less({b}, {a})"),
    ops.GreaterEqual: _compare("{a} >= {b}", "not less({a}, {b})"),
    ops.And: _logic("both"),
    ops.Or: _logic("either"),
    ops.Not: _not,
    ops.NotNull: _present("is not"),
    ops.IsNull: _present("is"),
    ops.NullIf: _null_if,
    ops.Coalesce: _coalesce,
    ops.Greatest: _extreme("greatest"),
    ops.Least: _extreme("least"),
    ops.InValues: _in_values,
    ops.IfElse: _if_else,
    ops.SearchedCase: _searched_case,
    ops.Cast: _cast,
    ops.ExtractEpochSeconds: _epoch_seconds,
    ops.ExtractHour: _of_moment(f"{{0}} // {UNITS['h']} % 24"),
    ops.ExtractMinute: _of_moment(f"{{0}} // {UNITS['m']} % 60"),
    ops.DayOfWeekIndex: _of_moment(f"({{0}} // {DAY} + 3) % 7", "({0} + 3) % 7"),
    ops.Date: _of_moment(f"{{0}} // {DAY}", "{0}"),
    ops.TimestampTruncate: _truncate,
}
"""What each operation becomes; a new one is a line here."""
