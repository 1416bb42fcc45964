"""Features built again from what was known then: a planted look ahead is found by name, shipped models are silent."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import ibis
import numpy as np
import polars as pl
import pytest

from crm.sources.diabetes_130 import Diabetes130Source
from crm.sources.noshow_kaggle import NoShowKaggleSource
from crm.sources.synthetic import appointment_tables, encounter_tables, parameters
from models.catalogue import spec_of
from models.consent import TRAIN
from models.spec import Feature, ModelSpec, Tables
from tests.validation.probes.examined import subject_of
from validation.probes.rebuilding import places, rebuild
from validation.probes.worlds import ASKED, apart, as_known_then

NO_SHOW, READMISSION = spec_of("no-show"), spec_of("readmission-risk")
ROWS = 2_500
NOON = datetime(2026, 1, 5, 12, tzinfo=UTC).replace(tzinfo=None)
ASKED_FOR = {"leakage": {"rebuilt_rows": 120}}

Column = Callable[[ibis.Table], ibis.Value]


@pytest.fixture(scope="module")
def tables():
    return {
        "appointments": appointment_tables(parameters("no_show"), ROWS, seed=1),
        "encounters": encounter_tables(parameters("readmission"), ROWS, seed=1),
    }


@pytest.fixture
def rebuilt_of(tables, tmp_path):
    def rebuilt(spec):
        return rebuild(subject_of(spec, tables[spec.table], tmp_path, **ASKED_FOR))

    return rebuilt


def planted(spec: ModelSpec, column: Column) -> ModelSpec:
    """`spec` with one more feature, which `column` computes from its table as it stands."""

    def build(tables: Tables) -> ibis.Table:
        extra = tables[spec.table].select(record_id=spec.record_id, planted=column)
        return spec.build(tables).join(extra, "record_id")

    return replace(spec, build=build, features=(*spec.features, Feature("planted", "looks ahead")))


def own_status(rows: ibis.Table) -> ibis.Value:
    return (rows.status == "noshow").cast("int8")


def full_file_rate(rows: ibis.Table) -> ibis.Value:
    return (rows.status == "noshow").mean().over(group_by="patient_id")


def missed_before_known_or_not(rows: ibis.Table) -> ibis.Value:
    earlier = ibis.window(group_by="patient_id", order_by=["booked_at", "appointment_id"], preceding=(None, 1))
    return (rows.status == "noshow").sum().over(earlier)


def bookings_in_all(rows: ibis.Table) -> ibis.Value:
    return rows.count().over(group_by="patient_id")


def days_to_next_booking(rows: ibis.Table) -> ibis.Value:
    following = rows.booked_at.lead().over(group_by="patient_id", order_by=["booked_at", "appointment_id"])
    return following.epoch_seconds() - rows.booked_at.epoch_seconds()


def rate_of_the_site(rows: ibis.Table) -> ibis.Value:
    return (rows.status == "noshow").mean().over(group_by="site")


def encounters_in_all(rows: ibis.Table) -> ibis.Value:
    return rows.count().over(group_by="patient_id")


def readmitted_ever(rows: ibis.Table) -> ibis.Value:
    return rows.readmitted_within_30_days.cast("int8").max().over(group_by="patient_id")


class TestAPlantedLookAhead:
    @pytest.mark.parametrize(
        ("spec", "column", "steps"),
        [
            (NO_SHOW, own_status, {"own_outcome"}),
            (NO_SHOW, full_file_rate, {"own_outcome", "later_rows"}),
            (NO_SHOW, missed_before_known_or_not, {"later_rows"}),
            (NO_SHOW, bookings_in_all, {"later_rows"}),
            (NO_SHOW, days_to_next_booking, {"later_rows"}),
            (NO_SHOW, rate_of_the_site, {"unavailable", "own_outcome", "later_rows"}),
            (READMISSION, encounters_in_all, {"later_rows"}),
            (READMISSION, readmitted_ever, {"own_outcome", "later_rows"}),
        ],
        ids=lambda value: getattr(value, "__name__", None),
    )
    def test_is_found_by_name_and_by_what_it_reads(self, rebuilt_of, spec, column, steps):
        found = rebuilt_of(planted(spec, column))
        named = {step: set(getattr(found, step)) for step in ("unavailable", "own_outcome", "later_rows")}
        assert {step for step, features in named.items() if features} == steps
        assert all(features <= {"planted"} for features in named.values())


class TestAShippedModel:
    @pytest.mark.parametrize("spec", [NO_SHOW, READMISSION], ids=lambda spec: spec.name)
    def test_is_silent_on_synthetic_rows(self, rebuilt_of, spec):
        found = rebuilt_of(spec)
        assert (found.unavailable, found.own_outcome, found.later_rows) == ({}, {}, {})
        assert found.rows == ASKED_FOR["leakage"]["rebuilt_rows"]

    def test_is_silent_on_real_appointments(self, real_appointments, tmp_path):
        tables = NoShowKaggleSource().read(str(real_appointments)).tables
        self.silent(NO_SHOW, tables, tmp_path)

    def test_is_silent_on_real_encounters(self, real_encounters, tmp_path):
        tables = Diabetes130Source().read(str(real_encounters)).tables
        self.silent(READMISSION, tables, tmp_path)

    def silent(self, spec, tables, folder):
        chosen = {name: tables[name] for name in ("patients", spec.table)}
        found = rebuild(subject_of(spec, chosen, folder))
        assert (found.unavailable, found.own_outcome, found.later_rows) == ({}, {}, {})
        assert found.rows == 800

    def test_is_silent_where_only_some_patients_consented(self, tables, tmp_path):
        given = tables["appointments"]
        consents = (
            given["patients"]
            .select("patient_id")
            .with_columns(
                purpose=pl.lit(TRAIN),
                granted=pl.int_range(pl.len()) % 2 == 0,
                at=pl.lit(NOON, pl.Datetime("us")),
                notice=pl.lit("1"),
            )
        )
        subject = subject_of(NO_SHOW, {**given, "consents": consents}, tmp_path, consent_to=TRAIN, **ASKED_FOR)
        found = rebuild(subject)
        assert (found.unavailable, found.own_outcome, found.later_rows) == ({}, {}, {})

    def test_without_a_timeline_cannot_be_judged(self, rebuilt_of):
        assert rebuilt_of(replace(NO_SHOW, timeline=None)) is None


class TestTheRowsThatAreRebuilt:
    def test_are_different_ones_and_hold_both_outcomes_and_long_histories(self, tables, tmp_path):
        subject = subject_of(NO_SHOW, tables["appointments"], tmp_path, **ASKED_FOR)
        chosen = places(subject)
        assert len(set(chosen.tolist())) == len(chosen) == 120
        assert subject.test[chosen[:60]].all()
        label = np.asarray(subject.rows.column("label"))[chosen[60:]]
        assert 20 <= label.sum() <= 40
        patients = subject.rows.column("patient_id").to_pylist()
        histories = [patients.count(patients[place]) for place in chosen[60:]]
        assert min(sum(size == 1 for size in histories), sum(size >= 5 for size in histories)) >= 15


class TestMomentsThatAWholeDayShares:
    def test_leave_rows_out_and_still_raise_no_alarm(self, tables, tmp_path, monkeypatch):
        monkeypatch.setattr("validation.probes.rebuilding.WORLD_ROWS", 5_000)
        given = tables["appointments"]
        by_day = given["appointments"].with_columns(pl.col("booked_at").dt.truncate("1d"))
        found = rebuild(subject_of(NO_SHOW, {**given, "appointments": by_day}, tmp_path, **ASKED_FOR))
        assert 8 <= found.rows < ASKED_FOR["leakage"]["rebuilt_rows"]
        assert (found.unavailable, found.own_outcome, found.later_rows) == ({}, {}, {})


def world(asked: str, rows: list[tuple[str, str, datetime]]) -> pl.DataFrame:
    return pl.DataFrame(
        [(asked, record, patient, booked, "noshow", booked + timedelta(days=1)) for record, patient, booked in rows],
        schema={
            ASKED: pl.String,
            "appointment_id": pl.String,
            "patient_id": pl.String,
            "booked_at": pl.Datetime("us"),
            "status": pl.String,
            "outcome_known_at": pl.Datetime("us"),
        },
        orient="row",
    )


class TestWorldsThatMeet:
    one = world("a-1", [("a-1", "p-1", NOON), ("a-2", "p-1", NOON + timedelta(hours=1))])
    partner = world("b-1", [("b-1", "p-2", NOON + timedelta(hours=1))])
    other = world("c-1", [("c-1", "p-3", NOON + timedelta(hours=2))])

    def test_are_built_apart(self):
        batches = apart(NO_SHOW, pl.concat([self.one, self.partner, self.other]), ["a-1", "b-1", "c-1"], most=8)
        assert batches == [["a-1", "c-1"], ["b-1"]]

    def test_are_left_out_where_no_further_build_is_allowed(self):
        batches = apart(NO_SHOW, pl.concat([self.one, self.partner, self.other]), ["a-1", "b-1", "c-1"], most=1)
        assert batches == [["a-1", "c-1"]]


class TestWhatWasKnownThen:
    def test_keeps_what_happened_in_the_same_second_and_drops_what_came_after(self):
        rows = [
            ("asked", "p-1", NOON),
            ("same", "p-1", NOON + timedelta(milliseconds=700)),
            ("early", "p-1", NOON - timedelta(days=1)),
            ("open", "p-1", NOON - timedelta(hours=1)),
            ("later", "p-1", NOON + timedelta(seconds=1)),
        ]
        seen = as_known_then(NO_SHOW, NO_SHOW.timeline, world("asked", rows))
        status = dict(zip(seen["appointment_id"], seen["status"], strict=True))
        assert status == {"asked": "booked", "same": "booked", "early": "noshow", "open": "booked"}
        assert seen["outcome_known_at"].count() == 1
