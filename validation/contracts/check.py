"""Holding frames against their contracts, with counts for an answer and never a row."""

from __future__ import annotations

from collections.abc import Mapping

import pandera.polars as pa
import polars as pl
from pandera.errors import SchemaErrors

from caregate.errors import BadInput
from crm.tables import IDENTIFIERS, TABLES
from validation.contracts.tables import table_contract


class ContractViolation(BadInput):
    """A frame breaks its contract.

    Attributes
    ----------
    table
        Name of the table.
    counts
        Findings by rule.
    """

    def __init__(self, table: str, counts: Mapping[str, int]) -> None:
        said = ", ".join(f"{rule}: {count}" for rule, count in sorted(counts.items()))
        super().__init__(f"table {table!r} breaks its contract ({said}); mend the source's mapping or the file")
        self.table = table
        self.counts = dict(counts)


def check(table: str, frame: pl.DataFrame) -> None:
    """Hold `frame` against the contract of canonical `table`.

    Raises
    ------
    ContractViolation
        With the number of findings by rule, and no value.
    """
    check_against(table_contract(table), table, frame)


def check_all(tables: Mapping[str, pl.DataFrame]) -> None:
    """Hold every table against its contract and every patient that is named against the table of patients.

    Raises
    ------
    ContractViolation
        At the first table that breaks its contract.
    """
    for name in TABLES:
        if name in tables:
            check(name, tables[name])
    for name, frame in tables.items():
        _check_patients(name, frame, tables)


def check_against(contract: pa.DataFrameSchema, table: str, frame: pl.DataFrame) -> None:
    """Hold `frame` against any `contract`; `table` is its name in the error.

    Raises
    ------
    ContractViolation
        With the number of findings by rule, and no value.
    """
    try:
        contract.validate(frame, lazy=True)
    except SchemaErrors as errors:  # its text repeats whole rows
        raise ContractViolation(table, _count(errors)) from None


def _count(errors: SchemaErrors) -> dict[str, int]:
    counts: dict[str, int] = {}
    for error in errors.schema_errors:
        rule = _rule(error)
        counts[rule] = counts.get(rule, 0) + _findings(error.failure_cases)
    return counts


def _rule(error: object) -> str:
    named = getattr(getattr(error, "check", None), "name", None)
    reason = getattr(getattr(error, "reason_code", None), "value", "schema")
    return str(named or f"{reason.lower().replace('_', '-')}{_place(error)}")


def _place(error: object) -> str:
    column = getattr(getattr(error, "schema", None), "name", None)
    return f" ({column})" if column else ""


def _findings(cases: object) -> int:
    return cases.height if isinstance(cases, pl.DataFrame) else 1


def _check_patients(table: str, frame: pl.DataFrame, tables: Mapping[str, pl.DataFrame]) -> None:
    if "patient_id" not in IDENTIFIERS[table] or table == "patients":
        return
    known = tables["patients"]["patient_id"] if "patients" in tables else pl.Series(dtype=pl.String)
    strangers = frame.select((~pl.col("patient_id").is_in(known.implode())).sum()).item()
    if strangers:
        raise ContractViolation(table, {"patient-is-known": int(strangers)})
