"""Instances: what the CRM says of one record, read into values of the canonical table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import pyarrow as pa

from crm.tables import TABLES
from serving.fields import MalformedRequest, Values, read_values

RECORD, PATIENT = "record_id", "patient_id"

OUTCOME: Final[Mapping[str, Mapping[str, Any]]] = {
    "appointments": {"status": "booked", "outcome_known_at": None},
    "encounters": {"readmitted_within_30_days": None, "outcome_known_ordinal": None},
}
"""What is not known yet when a record is scored; sent or not, the model sees these values."""

POSITION: Final[Mapping[str, str]] = {"encounters": "ordinal"}
"""The column that says when, in sources without dates; where the client leaves it out, the record is the newest."""


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
    missing: tuple[str, ...] = ()


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
    serving.fields.MalformedRequest
        If a field is unknown or holds what it cannot, or two instances are of one record.
    """
    fields = fields_of(table, record_id)
    required = required_of(table, record_id)
    instances = []
    for at, item in enumerate(raw):
        values = read_values(item, fields, table=table, longest=longest, pointer=f"/instances/{at}")
        values |= OUTCOME.get(table, {})
        missing = tuple(name for name in required if values[name] is None)
        instances.append(Instance(values.pop(RECORD), values.pop(PATIENT), values, missing))
    named = [instance.record for instance in instances if instance.record is not None]
    if len(set(named)) < len(named):
        raise MalformedRequest("two instances have the same record_id: send each record once", "/instances")
    return instances
