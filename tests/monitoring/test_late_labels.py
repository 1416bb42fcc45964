"""Outcomes that were reported fill labels that a snapshot lacks, and change none that it has."""

from __future__ import annotations

from datetime import UTC, datetime

import pyarrow as pa

from governance.outcome import Outcome
from monitoring.late_labels import with_outcomes

NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)


def labels(known: dict[str, bool]) -> list[int | None]:
    rows = pa.table(
        {
            "record_id": ["a", "b", "c", "d"],
            "label": pa.array([None, None, 1, None], pa.int8()),
            "lead_days": [1, 2, 3, 4],
        }
    )
    filled = with_outcomes(rows, {record: Outcome(happened, NOON) for record, happened in known.items()})
    assert filled.schema == rows.schema
    return filled.column("label").to_pylist()


def test_reported_outcomes_fill_what_is_unknown_and_change_nothing_else() -> None:
    assert labels({"a": True, "b": False, "c": False, "e": True}) == [1, 0, 1, None]
    assert labels({}) == [None, None, 1, None]
