"""Instances: what the CRM says of one record, read into a row of the canonical table without ever repeating a value."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import Any, Final

import pyarrow as pa

from caregate.errors import BadInput
from crm.tables import TABLES

RECORD, PATIENT = "record_id", "patient_id"
Values = Mapping[str, Any]

OUTCOME: Final[Mapping[str, Mapping[str, Any]]] = {
    "appointments": {"status": "booked", "outcome_known_at": None},
    "encounters": {"readmitted_within_30_days": None, "outcome_known_ordinal": None},
}
"""What is not known yet when a record is scored; sent or not, the model sees these values."""

POSITION: Final[Mapping[str, str]] = {"encounters": "ordinal"}
"""The column that says when, in sources without dates; where the client leaves it out, the record is the newest."""

ISO_DAY = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)


class MalformedRequest(BadInput):
    """The request does not have the form that the OpenAPI document gives; `pointer` says where (RFC 6901)."""

    def __init__(self, what: str, pointer: str = "") -> None:
        super().__init__(what)
        self.pointer = pointer


@dataclass(frozen=True, slots=True)
class Instance:
    """One record to score, as the CRM named it.

    Attributes
    ----------
    record, patient
        The CRM's own ids, null where it did not say.
    values
        Canonical columns without the ids, complete.
    missing
        Required fields that were not given.
    """

    record: str | None
    patient: str | None
    values: Values
    missing: tuple[str, ...] = field(default=())


def fields_of(table: str, record_id: str) -> dict[str, pa.Field]:
    """Return the fields that an instance of `table` may have, by the name that the CRM uses."""
    return {RECORD if item.name == record_id else item.name: item for item in TABLES[table]}


def required_of(table: str, record_id: str) -> tuple[str, ...]:
    """Return the fields without which an instance of `table` cannot be scored."""
    never = {*OUTCOME.get(table, {}), POSITION.get(table)}
    return tuple(name for name, item in fields_of(table, record_id).items() if not item.nullable and name not in never)


def read_instances(raw: Sequence[Values], *, table: str, record_id: str, longest: int) -> list[Instance]:
    """Read the instances of a request.

    Parameters
    ----------
    raw
        JSON objects as the client sent them.
    table, record_id
        The canonical table and its key.
    longest
        Characters that a text may have.

    Raises
    ------
    MalformedRequest
        If a field is unknown or has the wrong type, or two instances are of one record.
    """
    fields = fields_of(table, record_id)
    outcome = OUTCOME.get(table, {})
    required = required_of(table, record_id)
    instances = []
    for at, item in enumerate(raw):
        values = {**_values(item, fields, longest, f"/instances/{at}"), **outcome}
        missing = tuple(name for name in required if values[name] is None)
        instances.append(Instance(values.pop(RECORD), values.pop(PATIENT), values, missing))
    named = [instance.record for instance in instances if instance.record is not None]
    if len(set(named)) < len(named):
        raise MalformedRequest("two instances have the same record_id: send each record once", "/instances")
    return instances


def _values(raw: Values, fields: Mapping[str, pa.Field], longest: int, pointer: str) -> dict[str, Any]:
    if not raw.keys() <= fields.keys():
        raise MalformedRequest("a field is unknown here: see the OpenAPI document for the names", pointer)
    return {name: _value(raw.get(name), item.type, longest, f"{pointer}/{name}") for name, item in fields.items()}


def _value(value: Any, kind: pa.DataType, longest: int, pointer: str) -> Any:
    if value is None:
        return None
    accept, what = _ACCEPT[kind]
    try:
        return accept(value, kind, longest)
    except (ValueError, OverflowError):
        raise MalformedRequest(f"has to be {what}", pointer) from None


def _text(value: Any, _kind: pa.DataType, longest: int) -> str | None:
    if not isinstance(value, str) or len(value) > longest or "\x00" in value:
        raise ValueError
    return value.strip() or None


def _flag(value: Any, _kind: pa.DataType, _longest: int) -> bool:
    if not isinstance(value, bool):
        raise ValueError  # noqa: TRY004 - one error for everything that does not fit
    return value


def _whole(value: Any, kind: pa.DataType, _longest: int) -> int:
    largest = 2 ** (kind.bit_width - 1) - 1
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= largest:
        raise ValueError
    return value


def _moment(value: Any, _kind: pa.DataType, _longest: int) -> datetime:
    if not isinstance(value, str) or not ISO_DAY.match(value):
        raise ValueError
    moment = datetime.fromisoformat(value)
    return moment.astimezone(UTC).replace(tzinfo=None) if moment.tzinfo else moment


def _day(value: Any, _kind: pa.DataType, _longest: int) -> date:
    if not isinstance(value, str) or not ISO_DAY.fullmatch(value):
        raise ValueError
    return date.fromisoformat(value)


Accept = Callable[[Any, pa.DataType, int], Any]

_ACCEPT: Final[Mapping[pa.DataType, tuple[Accept, str]]] = {
    pa.string(): (_text, "a text, and not a long one"),
    pa.bool_(): (_flag, "true or false"),
    pa.int8(): (_whole, "a whole number from 0 to 127"),
    pa.int16(): (_whole, "a whole number from 0 to 32767"),
    pa.int64(): (_whole, "a whole number from 0"),
    pa.timestamp("us"): (_moment, "a moment in ISO 8601, such as 2026-11-22T09:30:00Z"),
    pa.date32(): (_day, "a day in ISO 8601, such as 2026-11-22"),
}
