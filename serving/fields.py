"""The fields of an instance: JSON values read into those of a canonical column, with errors that never repeat one."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime
from typing import Any, Final, TypeVar

import pyarrow as pa

from caregate.errors import BadInput
from crm.policy import door_policy
from crm.vocabulary import RANGES, WORDS

Values = Mapping[str, Any]
Read = Callable[[Any], Any]
ISO_DAY = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
AGE = "age"
Day = TypeVar("Day", date, datetime)


class MalformedRequest(BadInput):
    """The request does not have the form that the OpenAPI document gives; `pointer` says where (RFC 6901)."""

    def __init__(self, what: str, pointer: str = "") -> None:
        super().__init__(what)
        self.pointer = pointer


class Unfit(Exception):
    """A value that its column cannot hold; carries what the column holds."""


def reader_of(table: str, field: pa.Field, *, longest: int) -> Read:
    """Return what reads a JSON value, not null, as that of a column.

    Parameters
    ----------
    table, field
        The canonical table and its column.
    longest
        Characters that a text may have.

    Returns
    -------
    callable
        It raises `Unfit` on a value that the column cannot hold.
    """
    return _READERS[field.type](table, field, longest)


def range_of(table: str, field: pa.Field) -> tuple[int, int]:
    """Return the least and the greatest number that `field` may be sent with."""
    if field.name == AGE:
        return 0, door_policy().implausible_age - 1
    return RANGES.get(table, {}).get(field.name, (0, 2 ** (field.type.bit_width - 1) - 1))


def words_of(table: str, field: pa.Field) -> list[str]:
    """Return the words that `field` may be sent with; none where it is open."""
    return sorted(WORDS.get(table, {}).get(field.name, ()))


def _text(table: str, field: pa.Field, longest: int) -> Read:
    words = words_of(table, field)
    known = frozenset(words)

    def read(value: Any) -> str | None:
        if not isinstance(value, str) or len(value) > longest or not value.isprintable():
            raise Unfit(f"a text of at most {longest} printable characters")
        if known and value not in known:
            raise Unfit(f"one of {', '.join(words)}")
        return value.strip() or None

    return read


def _flag(_table: str, _field: pa.Field, _longest: int) -> Read:
    def read(value: Any) -> bool:
        if not isinstance(value, bool):
            raise Unfit("true or false")
        return value

    return read


def _whole(table: str, field: pa.Field, _longest: int) -> Read:
    least, most = range_of(table, field)
    top = door_policy().top_code_age if field.name == AGE else most

    def read(value: Any) -> int:
        if type(value) is not int or not least <= value <= most:
            raise Unfit(f"a whole number from {least} to {most}")
        return min(value, top)

    return read


def _moment(_table: str, _field: pa.Field, _longest: int) -> Read:
    def read(value: Any) -> datetime:
        try:
            if not ISO_DAY.match(value):
                raise ValueError
            moment = datetime.fromisoformat(value)
            known = moment.astimezone(UTC).replace(tzinfo=None) if moment.tzinfo else moment
        except (TypeError, ValueError, OverflowError):
            raise Unfit("a moment in ISO 8601, such as 2026-11-22T09:30:00Z") from None
        return _plausible(known)

    return read


def _day(_table: str, _field: pa.Field, _longest: int) -> Read:
    def read(value: Any) -> date:
        try:
            if not ISO_DAY.fullmatch(value):
                raise ValueError
            day = date.fromisoformat(value)
        except (TypeError, ValueError):
            raise Unfit("a day in ISO 8601, such as 2026-11-22") from None
        return _plausible(day)

    return read


def _plausible(day: Day) -> Day:
    policy = door_policy()
    if not policy.first_year <= day.year <= policy.last_year:
        raise Unfit(f"of a year from {policy.first_year} to {policy.last_year}")
    return day


_READERS: Final[Mapping[pa.DataType, Callable[[str, pa.Field, int], Read]]] = {
    pa.string(): _text,
    pa.bool_(): _flag,
    pa.int8(): _whole,
    pa.int16(): _whole,
    pa.int64(): _whole,
    pa.timestamp("us"): _moment,
    pa.date32(): _day,
}
