"""Programs: the compiled form of an expression, and what has to be read for it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from math import floor
from typing import Any, Final

import ibis
import ibis.expr.operations as ops

from models.pointwise import sql
from models.pointwise.code import Kind, NotPointwise, Value, Writer
from models.pointwise.columns import Columns
from models.pointwise.listings import Demand, Listing, Listings, targets
from models.pointwise.relations import Relations
from models.pointwise.values import kind_of

EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC).replace(tzinfo=None)
Read = Callable[[int, Any], Sequence[tuple[Any, ...]]]
"""Returns the rows of an access, by its number, that have a value in its column."""
Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Access:
    """Rows that a program reads: those of `table` with one value in `column`, as tuples of `columns`.

    Moments are microseconds and days are days since 1970.
    """

    table: str
    column: str
    columns: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Program:
    """An expression, compiled.

    Attributes
    ----------
    accesses
        What it reads, by number.
    source
        The Python that it is.
    """

    accesses: Mapping[int, Access]
    source: str
    _row: Callable[[Any, Read, dict[Any, Any]], Row | None]

    def row(self, key: Any, read: Read, memo: dict[Any, Any]) -> Row | None:
        """Return the row with `key`, None where there is none.

        Parameters
        ----------
        key
            Value of the column that the program was compiled for.
        read
            Where related rows come from.
        memo
            Kept between the rows of one question, over which what is read does not change.
        """
        return self._row(key, read, memo)


def compile_rows(expression: ibis.Table, *, column: str, keys: Mapping[str, Sequence[str]]) -> Program:
    """Compile `expression` for questions by `column`.

    Parameters
    ----------
    expression
        Over unbound tables.
    column
        The column that a row is asked for by.
    keys
        The columns by which rows of each unbound table can be found, the best first.

    Raises
    ------
    NotPointwise
        If the expression holds what this engine does not know.
    """
    root = expression.op()
    listings, shared = Listings(keys), _shared(root)
    writer = Writer()
    relations = Relations(writer, listings, shared)
    demands = [Demand(column, Value("key", kind_of(root.schema[column]), nullable=False, simple=True), False)]
    relations.rows(root, demands, lambda columns: _answer(writer, root, columns))
    functions = [_function("row(key, read, memo)", writer)]
    lists = [listing for listing in listings.found.values() if listing.shared]
    functions += [_listing(listing, listings, shared) for listing in lists]
    source = "\n\n\n".join("\n".join(lines()) for lines in functions) + "\n"
    accesses = {
        listing.place: Access(listing.table, listing.key, tuple(listing.wanted))
        for listing in listings.found.values()
        if not listing.shared
    }
    return Program(accesses, source, _load(source))


def _answer(writer: Writer, root: ops.Relation, columns: Columns) -> None:
    items = [f"{name!r}: {_outward(columns[name], root.schema[name])}" for name in root.schema]
    writer.line("return {" + ", ".join(items) + "}")


def _outward(value: Value, dtype: Any) -> str:
    """Return `value` as the Python type that the engine for all rows gives."""
    kind = kind_of(dtype)
    if kind is Kind.WHOLE and value.kind is Kind.FLOAT:
        raise NotPointwise("a whole number that may have a fraction")
    form = {Kind.MOMENT: "moment({})", Kind.DAY: "day({})", Kind.FLAG: "bool({})"}.get(kind)
    form = "float({})" if kind is Kind.FLOAT and value.kind is not Kind.FLOAT else form
    if form is None or value.is_null:
        return value.text
    made = form.format(value.text)
    return f"None if {value.text} is None else {made}" if value.nullable else made


def _listing(listing: Listing, listings: Listings, shared: frozenset[ops.Relation]) -> Callable[[], list[str]]:
    writer = Writer()
    writer.line(f"found = memo.get(({listing.place}, key))")
    with writer.block("if found is None:"):
        writer.line(f"found = memo[{listing.place}, key] = []")
        wanted = list(listing.wanted)

        def keep(columns: Columns) -> None:
            values = targets([columns[name].text for name in wanted]) if wanted else ""
            writer.line(f"found.append(({values}))")

        demand = Demand(
            listing.column, Value("key", kind_of(listing.relation.schema[listing.column]), simple=True), True
        )
        Relations(writer, listings, shared).projected(listing.relation, [demand], keep)
    writer.line("return found")
    return _function(f"rows_{listing.place}(key, read, memo)", writer)


def _function(head: str, writer: Writer) -> Callable[[], list[str]]:
    return lambda: [f"def {head}:", *(writer.body.lines(1) or ["    return None"])]


def _shared(root: ops.Relation) -> frozenset[ops.Relation]:
    """Return the projections of canonical tables that several relations read."""
    below = (getattr(op, side, None) for op in root.find(ops.Relation) for side in ("parent", "left", "right"))
    readers = Counter(op for op in below if isinstance(op, ops.Project))
    return frozenset(
        op
        for op, count in readers.items()
        if count > 1 and isinstance(op.parent, ops.UnboundTable) and not op.find(ops.WindowFunction)
    )


def _load(source: str) -> Callable[[Any, Read, dict[Any, Any]], Row | None]:
    # The text is written by this package alone, out of a model's own code; no value of a record or request is in it.
    names: dict[str, Any] = {"floor": floor, "moment": _moment, "day": _day}
    names |= {name: getattr(sql, name) for name in sql.NAMES}
    try:
        code = compile(source, "<pointwise>", "exec")
    except (SyntaxError, RecursionError):
        raise NotPointwise("so deep a nesting") from None
    exec(code, names)  # noqa: S102
    row: Callable[[Any, Read, dict[Any, Any]], Row | None] = names["row"]
    return row


def _moment(microseconds: int) -> datetime:
    return EPOCH + timedelta(microseconds=microseconds)


def _day(days: int) -> date:
    return (EPOCH + timedelta(days=days)).date()
