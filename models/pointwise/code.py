"""Python text as it is written: blocks of lines, and values that know whether they can be null."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import StrEnum

from caregate.errors import CaregateError

INDENT = "    "
Header = str | Callable[[], str]


class NotPointwise(CaregateError):
    """An expression holds what cannot be answered for single rows; SQL has to."""

    def __init__(self, what: str) -> None:
        super().__init__(f"{what} is not known to the pointwise engine: this expression needs the SQL engine")
        self.what = what


class Kind(StrEnum):
    """What the text of a value gives: moments and days are whole numbers of microseconds and days since 1970."""

    NULL = "null"
    WHOLE = "whole number"
    FLOAT = "floating number"
    DECIMAL = "decimal literal"
    FLAG = "flag"
    TEXT = "text"
    MOMENT = "moment"
    DAY = "day"


@dataclass(frozen=True, slots=True)
class Value:
    """An expression in Python.

    Attributes
    ----------
    text
        The expression, safe to be put into another one.
    kind
        What it gives where it is not null.
    nullable
        Whether it can be None.
    simple
        Whether it is a name or a literal, which costs nothing to repeat.
    literal
        Whether it is a literal.
    """

    text: str
    kind: Kind
    nullable: bool = True
    simple: bool = False
    literal: bool = False

    @property
    def is_null(self) -> bool:
        """Whether it is the literal null."""
        return self.literal and self.text == "None"


NULL = Value("None", Kind.NULL, simple=True, literal=True)


@dataclass(slots=True)
class Block:
    """Lines at one depth; a block under a header is left out where it holds nothing."""

    header: Header | None = None
    parts: list[str | Block] = field(default_factory=list)

    def lines(self, depth: int = 0) -> list[str]:
        """Return the lines, indented."""
        below = depth if self.header is None else depth + 1
        inner = [line for part in self.parts for line in _lines(part, below)]
        if self.header is None or not inner:
            return inner
        header = self.header if isinstance(self.header, str) else self.header()
        return [INDENT * depth + header, *inner]


def _lines(part: str | Block, depth: int) -> list[str]:
    return [INDENT * depth + part] if isinstance(part, str) else part.lines(depth)


class Writer:
    """Writes one function, line by line, in blocks that open and close."""

    def __init__(self) -> None:
        self.body = Block()
        self._open = [self.body]
        self._names = 0

    def name(self, stem: str = "v") -> str:
        """Return a name that nothing has yet."""
        self._names += 1
        return f"{stem}{self._names}"

    def line(self, text: str) -> None:
        """Write a line where the writer stands."""
        self._open[-1].parts.append(text)

    @contextmanager
    def block(self, header: Header) -> Iterator[None]:
        """Write under `header` until the context ends."""
        block = Block(header)
        self._open[-1].parts.append(block)
        self._open.append(block)
        try:
            yield
        finally:
            self._open.pop()

    @property
    def here(self) -> Block:
        """The block that the writer stands in."""
        return self._open[-1]

    def reaches(self, block: Block) -> bool:
        """Return whether what was written in `block` has been run where the writer stands."""
        return any(block is open_ for open_ in self._open)

    def bound(self, value: Value) -> Value:
        """Return `value` under a name of its own, so that it is worked out once."""
        if value.simple:
            return value
        name = self.name()
        self.line(f"{name} = {value.text}")
        return Value(name, value.kind, value.nullable, simple=True)
