"""No feature knows the future: what was unknown when it was asked can be changed or deleted without effect."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Any

import ibis
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from crm.tables import TABLES
from models.catalogue import spec_of
from models.spec import ModelSpec

Row = dict[str, Any]
START = datetime(2026, 1, 5, 8, tzinfo=UTC).replace(tzinfo=None)
PATIENTS = ("p-one", "p-two", "p-three")
LAW = settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


class Engine:
    """Builds features of rows; each spec's expression is compiled once."""

    def __init__(self) -> None:
        self._connection = ibis.duckdb.connect()
        self._statements: dict[str, str] = {}

    def features_of(self, spec: ModelSpec, rows: list[Row], record: str) -> Mapping[str, Any]:
        patients = [{"patient_id": patient, "sex": "female", "race": None} for patient in PATIENTS]
        self._connection.con.register(spec.table, _arrow(spec.table, rows))
        self._connection.con.register("patients", _arrow("patients", patients))
        if spec.name not in self._statements:
            tables = {name: self._connection.table(name) for name in (spec.table, "patients")}
            self._statements[spec.name] = str(ibis.to_sql(spec.build(tables), dialect="duckdb"))
        built = self._connection.con.sql(self._statements[spec.name]).to_arrow_table().to_pylist()
        [row] = [row for row in built if row["record_id"] == record]
        return {name: row[name] for name in spec.feature_names}

    def close(self) -> None:
        self._connection.disconnect()


@pytest.fixture(scope="module")
def engine() -> Iterator[Engine]:
    engine = Engine()
    yield engine
    engine.close()


def _arrow(table: str, rows: list[Row]) -> pa.Table:
    return pa.Table.from_pylist([{name: row.get(name) for name in TABLES[table].names} for row in rows], TABLES[table])


class TestNoShow:
    spec = spec_of("no-show")

    @staticmethod
    @st.composite
    def bookings(draw: st.DrawFn) -> tuple[list[Row], int]:
        rows = [_booking(draw, place) for place in range(draw(st.integers(2, 9)))]
        return rows, draw(st.integers(0, len(rows) - 1))

    @LAW
    @given(data=st.data())
    def test_bookings_made_later_and_outcomes_known_later_change_nothing(
        self, engine: Engine, data: st.DataObject
    ) -> None:
        rows, place = data.draw(self.bookings())
        asked = rows[place]
        before = engine.features_of(self.spec, rows, asked["appointment_id"])
        changed = [
            row if row is asked else data.draw(_other_future(row, asked["booked_at"]))
            for row in rows
            if row is asked or row["booked_at"] <= asked["booked_at"] or data.draw(st.booleans())
        ]
        hidden = [
            row | _another_outcome(data) if row["appointment_id"] == asked["appointment_id"] else row for row in changed
        ]
        assert engine.features_of(self.spec, hidden, asked["appointment_id"]) == before

    def test_an_outcome_that_was_known_counts(self, engine: Engine) -> None:
        missed = _fixed_booking("a-0", START, known=START + timedelta(days=2), status="noshow")
        asked = _fixed_booking("a-1", START + timedelta(days=2))
        row = engine.features_of(self.spec, [missed, asked], "a-1")
        assert (row["known_visits"], row["known_misses"], row["miss_rate"]) == (1, 1, 1.0)
        assert row["days_since_miss"] == 0.0

    def test_an_outcome_one_second_too_young_does_not(self, engine: Engine) -> None:
        missed = _fixed_booking("a-0", START, known=START + timedelta(days=2, seconds=1), status="noshow")
        asked = _fixed_booking("a-1", START + timedelta(days=2))
        row = engine.features_of(self.spec, [missed, asked], "a-1")
        assert (row["known_visits"], row["known_misses"], row["open_bookings"]) == (0, 0, 1)

    def test_bookings_of_one_call_and_of_one_second_are_counted(self, engine: Engine) -> None:
        rows = [
            _fixed_booking("a-0", START),
            _fixed_booking("a-1", START, patient="p-two"),
            _fixed_booking("a-2", START + timedelta(minutes=10)),
        ]
        assert engine.features_of(self.spec, rows, "a-0")["joint_bookings"] == 2
        later = engine.features_of(self.spec, rows, "a-2")
        assert (later["call_bookings"], later["joint_bookings"]) == (2, 1)
        assert later["days_since_booking"] == pytest.approx(10 / (24 * 60))


def _fixed_booking(
    record: str, booked: datetime, *, patient: str = "p-one", known: datetime | None = None, status: str = "booked"
) -> Row:
    return {
        "appointment_id": record,
        "patient_id": patient,
        "booked_at": booked,
        "day": date(2026, 2, 1),
        "site": "north",
        "age": 40,
        "status": status,
        "outcome_known_at": known,
    }


def _booking(draw: st.DrawFn, place: int) -> Row:
    booked = START + timedelta(seconds=draw(st.integers(0, 6)) * 600)
    row = _fixed_booking(f"a-{place}", booked, patient=draw(st.sampled_from(PATIENTS)))
    row["day"] = START.date() + timedelta(days=draw(st.integers(0, 2)))
    row["status"] = draw(st.sampled_from(["booked", "fulfilled", "noshow", "cancelled"]))
    if row["status"] != "booked":
        row["outcome_known_at"] = booked + timedelta(seconds=draw(st.integers(0, 6)) * 600)
    return row


def _another_outcome(data: st.DataObject) -> Row:
    return {"status": data.draw(st.sampled_from(["booked", "fulfilled", "noshow"])), "outcome_known_at": None}


@st.composite
def _other_future(draw: st.DrawFn, row: Row, asked: datetime) -> Row:
    """Change what nobody knew at `asked`: all of a later booking, the outcome of an earlier one where it was open."""
    if row["booked_at"] > asked:
        return row | {
            "booked_at": asked + timedelta(seconds=draw(st.integers(1, 4000))),
            "patient_id": draw(st.sampled_from(PATIENTS)),
            "site": draw(st.sampled_from(["north", "south"])),
        }
    if row["outcome_known_at"] is None or row["outcome_known_at"] > asked:
        status = draw(st.sampled_from(["booked", "fulfilled", "noshow", "cancelled"]))
        known = None if status == "booked" else asked + timedelta(seconds=draw(st.integers(1, 4000)))
        return row | {"status": status, "outcome_known_at": known}
    return row


class TestReadmissionRisk:
    spec = spec_of("readmission-risk")

    @LAW
    @given(data=st.data())
    def test_later_stays_and_labels_known_later_change_nothing(self, engine: Engine, data: st.DataObject) -> None:
        rows = _stays(data)
        asked = data.draw(st.sampled_from(rows))
        before = engine.features_of(self.spec, rows, asked["encounter_id"])
        changed = [
            _other_stay(data, row, asked)
            for row in rows
            if row["ordinal"] <= asked["ordinal"] or data.draw(st.booleans())
        ]
        assert engine.features_of(self.spec, changed, asked["encounter_id"]) == before

    def test_an_earlier_readmission_counts_from_the_stay_that_showed_it(self, engine: Engine) -> None:
        rows = [
            _stay("e-0", 1, known=2, label=True, days=3),
            _stay("e-1", 2, known=3, label=False, days=4),
            _stay("e-2", 3, days=5),
        ]
        second = engine.features_of(self.spec, rows, "e-1")
        third = engine.features_of(self.spec, rows, "e-2")
        assert (second["earlier_stays"], second["earlier_readmissions"], second["last_days"]) == (1, 1, 3)
        assert (third["earlier_stays"], third["earlier_readmissions"], third["readmission_rate"]) == (2, 1, 0.5)
        assert third["earlier_days"] == 7


def _stay(
    record: str,
    ordinal: int,
    *,
    patient: str = "p-one",
    known: int | None = None,
    label: bool | None = None,
    days: int = 1,
) -> Row:
    return {
        "encounter_id": record,
        "patient_id": patient,
        "ordinal": ordinal,
        "outcome_known_ordinal": known,
        "days_in_hospital": days,
        "age": 60,
        "diagnosis_1": "diabetes",
        "readmitted_within_30_days": label,
    }


def _stays(data: st.DataObject) -> list[Row]:
    rows = []
    for place in range(data.draw(st.integers(2, 9))):
        known = data.draw(st.one_of(st.none(), st.integers(place + 1, 12)))
        patient = data.draw(st.sampled_from(PATIENTS))
        days = data.draw(st.integers(1, 9))
        rows.append(_stay(f"e-{place}", place, patient=patient, known=known, label=data.draw(st.booleans()), days=days))
    return rows


def _other_stay(data: st.DataObject, row: Row, asked: Row) -> Row:
    if row["ordinal"] > asked["ordinal"]:
        return row | {
            "patient_id": data.draw(st.sampled_from(PATIENTS)),
            "days_in_hospital": data.draw(st.integers(1, 9)),
        }
    if row["outcome_known_ordinal"] is None or row["outcome_known_ordinal"] > asked["ordinal"]:
        later = data.draw(st.integers(asked["ordinal"] + 1, 20))
        return row | {"readmitted_within_30_days": data.draw(st.booleans()), "outcome_known_ordinal": later}
    return row
