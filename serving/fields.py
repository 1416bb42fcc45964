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
ISO_DAY = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
AGE = "age"
Day = TypeVar("Day", date, datetime)


class MalformedRequest(BadInput):
    """The request does not have the form that the OpenAPI document gives; `pointer` says where (RFC 6901)."""

    def __init__(self, what: str, pointer: str = "") -> None:
        super().__init__(what)
        self.pointer = pointer


class _Unfit(Exception):
    """A value that its column cannot hold; carries what the column holds."""


def read_values(
    raw: Values, fields: Mapping[str, pa.Field], *, table: str, longest: int, pointer: str
) -> dict[str, Any]:
    """Return the value of every field, null where it was not sent.

    Parameters
    ----------
    raw
        A JSON object.
    fields
        Columns of canonical `table` by the names that the object uses.
    longest
        Characters that a text may have.
    pointer
        Where the object stands in the body.

    Raises
    ------
    MalformedRequest
        If the object has another field, or a field holds what it cannot.
    """
    if not raw.keys() <= fields.keys():
        raise MalformedRequest("a field is unknown here: see the OpenAPI document for the names", pointer)
    values = {}
    for name, field in fields.items():
        try:
            values[name] = None if raw.get(name) is None else _READ[field.type](raw[name], field, table, longest)
        except _Unfit as unfit:
            raise MalformedRequest(f"has to be {unfit}", f"{pointer}/{name}") from None
    return values


def range_of(table: str, field: pa.Field) -> tuple[int, int]:
    """Return the least and the greatest number that `field` may be sent with."""
    if field.name == AGE:
        return 0, door_policy().implausible_age - 1
    return RANGES.get(table, {}).get(field.name, (0, 2 ** (field.type.bit_width - 1) - 1))


def words_of(table: str, field: pa.Field) -> list[str]:
    """Return the words that `field` may be sent with; none where it is open."""
    return sorted(WORDS.get(table, {}).get(field.name, ()))


def _text(value: Any, field: pa.Field, table: str, longest: int) -> str | None:
    if not isinstance(value, str) or len(value) > longest or not value.isprintable():
        raise _Unfit(f"a text of at most {longest} printable characters")
    words = words_of(table, field)
    if words and value not in words:
        raise _Unfit(f"one of {', '.join(words)}")
    return value.strip() or None


def _flag(value: Any, _field: pa.Field, _table: str, _longest: int) -> bool:
    if not isinstance(value, bool):
        raise _Unfit("true or false")
    return value


def _whole(value: Any, field: pa.Field, table: str, _longest: int) -> int:
    least, most = range_of(table, field)
    if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
        raise _Unfit(f"a whole number from {least} to {most}")
    return min(value, door_policy().top_code_age) if field.name == AGE else value


def _moment(value: Any, _field: pa.Field, _table: str, _longest: int) -> datetime:
    try:
        if not ISO_DAY.match(value):
            raise ValueError
        moment = datetime.fromisoformat(value)
        known = moment.astimezone(UTC).replace(tzinfo=None) if moment.tzinfo else moment
    except (TypeError, ValueError, OverflowError):
        raise _Unfit("a moment in ISO 8601, such as 2026-11-22T09:30:00Z") from None
    return _plausible(known)


def _day(value: Any, _field: pa.Field, _table: str, _longest: int) -> date:
    try:
        if not ISO_DAY.fullmatch(value):
            raise ValueError
        day = date.fromisoformat(value)
    except (TypeError, ValueError):
        raise _Unfit("a day in ISO 8601, such as 2026-11-22") from None
    return _plausible(day)


def _plausible(day: Day) -> Day:
    policy = door_policy()
    if not policy.first_year <= day.year <= policy.last_year:
        raise _Unfit(f"of a year from {policy.first_year} to {policy.last_year}")
    return day


Read = Callable[[Any, pa.Field, str, int], Any]

_READ: Final[Mapping[pa.DataType, Read]] = {
    pa.string(): _text,
    pa.bool_(): _flag,
    pa.int8(): _whole,
    pa.int16(): _whole,
    pa.int64(): _whole,
    pa.timestamp("us"): _moment,
    pa.date32(): _day,
}
