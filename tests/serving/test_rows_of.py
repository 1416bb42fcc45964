"""No skew: a few rows made without an SQL engine are the rows that DuckDB makes, and those that training saw."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Thread
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from ibis import _

from crm.tables import TABLES
from models import no_show, readmission_risk
from models.features import feature_rows
from models.spec import ModelSpec
from serving.known.history import History, nothing_known

Row = dict[str, Any]
START = datetime(2026, 1, 5, 8, tzinfo=UTC).replace(tzinfo=None)
LAW = settings(max_examples=3, deadline=None, suppress_health_check=list(HealthCheck))
PATIENTS = ("p-one", "p-two", "p-three")


def table_of(name: str, rows: Sequence[Mapping[str, Any]]) -> pa.Table:
    return pa.Table.from_pylist([{item: row.get(item) for item in TABLES[name].names} for row in rows], TABLES[name])


def write(folder: Path, **tables: Sequence[Mapping[str, Any]]) -> dict[str, Path]:
    files = {name: folder / f"{name}.parquet" for name in tables}
    for name, rows in tables.items():
        pq.write_table(table_of(name, rows), files[name])
    return files


def as_asked(spec: ModelSpec, row: Row) -> Row:
    """The row as it was known at its moment."""
    assert spec.timeline is not None
    return row | dict(spec.timeline.before) | {spec.timeline.known: None}


def booking(number: int, *, seconds: int = 0, patient: str = "p-one", **values: Any) -> Row:
    row = {"appointment_id": f"a-{number}", "patient_id": patient, "booked_at": START + timedelta(seconds=seconds)}
    return row | {"day": date(2026, 1, 9), "status": "booked"} | values


def stay(number: int, *, patient: str = "p-one", **values: Any) -> Row:
    return {"encounter_id": f"e-{number}", "patient_id": patient, "ordinal": number} | values


counts = st.one_of(st.none(), st.integers(0, 5))
flags = st.one_of(st.none(), st.booleans())


@st.composite
def bookings(draw: st.DrawFn) -> list[Row]:
    rows = []
    for number in range(draw(st.integers(4, 14))):
        booked = draw(st.sampled_from([0, 0, 600, 1800, 1801, 90_000]))
        known = draw(st.sampled_from([None, booked, booked + 1, 1800, 90_000]))
        status = draw(st.sampled_from(["booked", "fulfilled", "noshow", "noshow", "cancelled"]))
        values = {name: draw(flags) for name in ("welfare", "hypertension", "diabetes", "alcoholism")}
        row = booking(
            number,
            seconds=booked,
            patient=draw(st.sampled_from(PATIENTS)),
            day=START.date() + timedelta(days=draw(st.integers(0, 2))),
            site=draw(st.sampled_from(["north", "other", None])),
            age=draw(st.one_of(st.none(), st.integers(0, 90))),
            disabilities=draw(counts),
            status=status,
            outcome_known_at=None if known is None else START + timedelta(seconds=known, microseconds=known % 7),
        )
        rows.append(row | values)
    return rows


@st.composite
def stays(draw: st.DrawFn) -> list[Row]:
    return [
        stay(
            number,
            patient=draw(st.sampled_from(PATIENTS)),
            outcome_known_ordinal=draw(st.one_of(st.none(), st.integers(0, 12))),
            readmitted_within_30_days=draw(flags),
            discharged_on=draw(st.one_of(st.none(), st.just(START.date()))),
            age=draw(st.one_of(st.none(), st.integers(0, 90))),
            days_in_hospital=draw(counts),
            inpatient_visits=draw(counts),
            medication_change=draw(flags),
            diagnosis_1=draw(st.sampled_from(["diabetes", "injury", None])),
        )
        for number in draw(st.permutations(range(draw(st.integers(4, 14)))))
    ]


def hold_to_no_skew(spec: ModelSpec, rows: list[Row], sexes: Sequence[str | None], folder: Path) -> None:
    patients = [{"patient_id": name, "sex": sex} for name, sex in zip(PATIENTS, sexes, strict=False)]
    files = write(folder, **{spec.table: rows, "patients": patients})
    history = History(files, system="clinic")
    assert history.pointwise(spec)
    trained = {row["record_id"]: row for row in _trained(spec, files, folder)}
    assert history.rows_of(spec, rows) == history.features(spec, table_of(spec.table, rows)).to_pylist()
    alone = [as_asked(spec, row) for row in rows]
    assert history.rows_of(spec, alone[:1]) == history.features(spec, table_of(spec.table, alone[:1])).to_pylist()
    for asked in alone:
        [found] = history.rows_of(spec, [asked])
        assert found is not None
        assert inputs(spec, found) == inputs(spec, trained[asked[spec.record_id]])


def inputs(spec: ModelSpec, row: Mapping[str, Any]) -> Row:
    return {name: row[name] for name in spec.feature_names}


def _trained(spec: ModelSpec, files: Mapping[str, Path], spill: Path) -> list[Row]:
    return list(feature_rows(spec, files, threads=1, memory_limit_gb=1, spill=spill).to_pylist())


class TestNoSkew:
    @LAW
    @given(rows=bookings(), sexes=st.lists(st.sampled_from(["female", "male", None]), max_size=3))
    def test_of_appointments(self, rows: list[Row], sexes: list[str | None]) -> None:
        with TemporaryDirectory() as folder:
            hold_to_no_skew(no_show.SPEC, rows, sexes, Path(folder))

    @LAW
    @given(rows=stays(), sexes=st.lists(st.sampled_from(["female", "male", None]), max_size=3))
    def test_of_stays(self, rows: list[Row], sexes: list[str | None]) -> None:
        with TemporaryDirectory() as folder:
            hold_to_no_skew(readmission_risk.SPEC, rows, sexes, Path(folder))


@pytest.fixture(scope="module")
def history(tmp_path_factory: pytest.TempPathFactory) -> History:
    folder = tmp_path_factory.mktemp("snapshot")
    known = START - timedelta(days=1)
    rows = [booking(number, seconds=number, status="noshow", outcome_known_at=known) for number in range(700)]
    rows += [booking(number, seconds=5, patient=f"p-{number}", site="other") for number in range(700, 1400)]
    said = [
        {"patient_id": "p-one", "purpose": "score", "granted": granted, "at": START + timedelta(days=day)}
        for granted, day in ((True, 0), (False, 1), (True, 1), (True, -1))
    ]
    files = write(folder, appointments=rows, patients=[{"patient_id": "p-one", "sex": "female"}], consents=said)
    return History(files, system="clinic", consent_required=True, as_of=START.replace(tzinfo=UTC))


class TestOneQuestion:
    @pytest.mark.parametrize("number", [5, 20_000])
    def test_instances_of_one_question_see_each_other_and_no_record_counts_twice(self, history, number) -> None:
        asked = [booking(number, seconds=5), booking(30_000, seconds=5, patient="p-new"), booking(30_001, seconds=6)]
        found = history.rows_of(no_show.SPEC, asked)
        assert found == history.features(no_show.SPEC, table_of("appointments", asked)).to_pylist()
        assert [row["joint_bookings"] for row in found] == ([702, 702, 2] if number == 5 else [703, 703, 2])

    def test_a_patient_with_many_visits_is_counted_whole(self, history) -> None:
        [row] = history.rows_of(no_show.SPEC, [booking(20_000, seconds=80_000)])
        assert (row["known_visits"], row["known_misses"]) == (700, 700)

    def test_a_small_site_is_read_as_the_one_it_was_merged_into(self, history) -> None:
        [row] = history.rows_of(no_show.SPEC, [booking(20_000, site="hamlet")])
        assert row["site"] == "other"

    def test_a_record_that_the_model_is_not_for_has_no_row(self, history) -> None:
        adults = replace(no_show.SPEC, name="adults", build=lambda tables: no_show.build(tables).filter(_.age >= 18))
        child, adult = (booking(20_000 + age, age=age) for age in (12, 40))
        found = history.rows_of(adults, [child, adult])
        assert [row and row["age"] for row in found] == [None, 40]

    def test_threads_ask_at_once(self, history) -> None:
        asked = [booking(20_000 + number, seconds=number * 100) for number in range(8)]
        alone = [history.rows_of(no_show.SPEC, [row]) for row in asked]
        together: dict[int, Any] = {}

        def ask(at: int) -> None:
            together[at] = [history.rows_of(no_show.SPEC, [asked[at]]) for _ in range(20)]

        threads = [Thread(target=ask, args=(at,)) for at in range(len(asked))]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert together == {at: [alone[at]] * 20 for at in range(len(asked))}

    def test_what_the_snapshot_knows(self, history) -> None:
        assert (history.knows("p-one"), history.knows("p-nobody")) == (True, False)
        assert (
            history.known_values(no_show.SPEC, "a-3", TABLES["appointments"].names)
            == table_of(
                "appointments", [booking(3, seconds=3, status="noshow", outcome_known_at=START - timedelta(days=1))]
            ).to_pylist()[0]
        )
        assert history.known_values(no_show.SPEC, "a-none", TABLES["appointments"].names) is None

    def test_the_last_word_counts_and_of_two_at_once_the_revocation(self, history) -> None:
        assert history.consent_word("p-one", "score") == (False, (START + timedelta(days=1)).replace(tzinfo=UTC))
        assert history.consent_word("p-one", "share") is None

    def test_without_a_snapshot_nothing_is_known(self) -> None:
        nothing = nothing_known()
        [row] = nothing.rows_of(no_show.SPEC, [booking(1)])
        assert (row["known_visits"], row["joint_bookings"], nothing.knows("p-one")) == (0, 1, False)


class TestAModelThatThePointwiseEngineDoesNotKnow:
    def test_is_answered_by_sql(self, tmp_path: Path) -> None:
        def build(tables: Any) -> Any:
            return no_show.build(tables).mutate(letters=_.site.length())

        third, rows = replace(no_show.SPEC, name="third", build=build), [booking(1, site="north")]
        history = History(write(tmp_path, appointments=rows), system="clinic")
        assert not history.pointwise(third)
        [row] = history.rows_of(third, [booking(2, seconds=60, site="south-east")])
        assert (row["letters"], row["open_bookings"], row["call_bookings"]) == (10, 1, 2)
