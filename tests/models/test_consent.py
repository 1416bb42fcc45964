"""No consent, no use: the last word of a patient as of the snapshot decides about training."""

from __future__ import annotations

from datetime import UTC, datetime

import ibis
import pyarrow as pa
import pytest

from crm.tables import TABLES
from models.consent import TRAIN, consented

MORNING, NOON, EVENING = (datetime(2026, 1, 1, hour, tzinfo=UTC).replace(tzinfo=None) for hour in (8, 12, 18))
Said = tuple[str, bool, datetime]


def patients_left(*said: Said) -> list[str]:
    rows = [
        {"patient_id": "p-one", "purpose": purpose, "granted": granted, "at": at, "notice": "v1"}
        for purpose, granted, at in said
    ]
    connection = ibis.duckdb.connect()
    connection.con.register("consents", pa.Table.from_pylist(rows, TABLES["consents"]))
    people = [{"patient_id": name, "sex": None, "race": None} for name in ("p-one", "p-two")]
    connection.con.register("patients", pa.Table.from_pylist(people, TABLES["patients"]))
    tables = {name: connection.table(name) for name in ("consents", "patients")}
    left = consented(tables, TRAIN)["patients"].to_pyarrow().column("patient_id").to_pylist()
    connection.disconnect()
    return left


class TestTheLastWord:
    @pytest.mark.parametrize(
        ("said", "left"),
        [
            ([], []),
            ([("train", True, MORNING)], ["p-one"]),
            ([("score", True, MORNING)], []),
            ([("train", True, MORNING), ("train", False, NOON)], []),
            ([("train", False, MORNING), ("train", True, NOON)], ["p-one"]),
            ([("train", True, MORNING), ("train", False, NOON), ("train", True, EVENING)], ["p-one"]),
            ([("train", True, NOON), ("train", False, NOON)], []),
            ([("train", True, MORNING), ("score", False, NOON)], ["p-one"]),
        ],
        ids=[
            "silence",
            "granted",
            "another purpose",
            "revoked",
            "granted again",
            "thrice",
            "both at once",
            "score alone",
        ],
    )
    def test_counts_and_silence_is_no_consent(self, said: list[Said], left: list[str]) -> None:
        assert patients_left(*said) == left
