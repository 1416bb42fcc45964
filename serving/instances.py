"""Instances: what the CRM says of one record, read into values of the canonical table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from crm.tables import TABLES
from models.spec import ModelSpec
from serving.fields import MalformedRequest, Read, Unfit, Values, reader_of

RECORD, PATIENT = "record_id", "patient_id"


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
    values: dict[str, Any]
    missing: tuple[str, ...] = ()


class Form:
    """How the instances of a model are read.

    Parameters
    ----------
    spec
        The model.
    longest
        Characters that a text may have.
    """

    def __init__(self, spec: ModelSpec, *, longest: int) -> None:
        fields = fields_of(spec)
        self._read: dict[str, Read] = {
            name: reader_of(spec.table, field, longest=longest) for name, field in fields.items()
        }
        self._blank = dict.fromkeys(fields)
        self._outcome = outcome_of(spec)
        self._required = required_of(spec)

    def read(self, raw: Sequence[Values]) -> list[Instance]:
        """Read the instances of a request, JSON objects as the client sent them.

        Raises
        ------
        serving.fields.MalformedRequest
            If a field is unknown or holds what it cannot, or two instances are of one record.
        """
        instances = [self._instance(item, at) for at, item in enumerate(raw)]
        named = [instance.record for instance in instances if instance.record is not None]
        if len(set(named)) < len(named):
            raise MalformedRequest("two instances have the same record_id: send each record once", "/instances")
        return instances

    def _instance(self, raw: Values, at: int) -> Instance:
        values: dict[str, Any] = self._blank.copy()
        for name, value in raw.items():
            read = self._read.get(name)
            if read is None:
                what = "a field is unknown here: see the OpenAPI document for the names"
                raise MalformedRequest(what, f"/instances/{at}")
            if value is not None:
                try:
                    values[name] = read(value)
                except Unfit as unfit:
                    raise MalformedRequest(f"has to be {unfit}", f"/instances/{at}/{name}") from None
        values |= self._outcome
        missing = tuple([name for name in self._required if values[name] is None])
        return Instance(values.pop(RECORD), values.pop(PATIENT), values, missing)


def fields_of(spec: ModelSpec) -> dict[str, pa.Field]:
    """Return the fields that an instance may have, by the name that the CRM uses."""
    return {RECORD if item.name == spec.record_id else item.name: item for item in TABLES[spec.table]}


def outcome_of(spec: ModelSpec) -> Mapping[str, Any]:
    """Return what is not known yet when a record is scored; sent or not, the model sees these values."""
    return {**spec.timeline.before, spec.timeline.known: None} if spec.timeline else {}


def position_of(spec: ModelSpec) -> str | None:
    """Return the column that says when, in tables without moments; a new record stands after all that are known."""
    began = spec.timeline.began if spec.timeline else None
    return began if began and pa.types.is_integer(TABLES[spec.table].field(began).type) else None


def required_of(spec: ModelSpec) -> tuple[str, ...]:
    """Return the fields without which an instance cannot be scored."""
    never = {*outcome_of(spec), position_of(spec)}
    return tuple(name for name, item in fields_of(spec).items() if not item.nullable and name not in never)
