from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from crm.canonical import required_columns, schema_of
from crm.source import make_source
from crm.sources.synthetic import NoLocation, NothingToDraw, SyntheticSource, parameters
from crm.sources.synthetic_sites import PLACES, TREES
from crm.vocabulary import RANGES, WORDS

ROWS = 40_000
REAL = Path(__file__).parents[3] / "shared" / "data"
APPOINTMENTS = REAL / "noshow" / "appointments.csv.gz"
ENCOUNTERS = REAL / "readmission" / "encounters.csv.gz"
needs_real_data = pytest.mark.skipif(not APPOINTMENTS.is_file(), reason="the real sets are not at ../shared/data")

Tables = Mapping[str, pl.DataFrame]


@pytest.fixture(scope="module")
def tables() -> Tables:
    return SyntheticSource(rows=ROWS, seed=7).read().tables


@pytest.fixture(scope="module")
def appointments(tables: Tables) -> pl.DataFrame:
    booked = pl.col("booked_at").dt.date()
    return tables["appointments"].with_columns(
        booked=booked, lead=(pl.col("day") - booked).dt.total_days(), missed=pl.col("status") == "noshow"
    )


class TestDrawing:
    def test_the_same_seed_gives_the_same_rows(self) -> None:
        one, other = (SyntheticSource(rows=3_000, seed=5).read() for _ in range(2))
        assert one.source_digest == other.source_digest
        for name, frame in one.tables.items():
            assert_frame_equal(frame, other.tables[name])

    def test_another_seed_gives_others(self) -> None:
        one, other = (SyntheticSource(rows=3_000, seed=seed).read() for seed in (5, 6))
        assert one.source_digest != other.source_digest
        assert not one.tables["appointments"].equals(other.tables["appointments"])
        assert not one.tables["encounters"].equals(other.tables["encounters"])

    @pytest.mark.parametrize(("rows", "encounters"), [(1, 1), (7, 0), (999, 12), (1_500, 2_500)])
    def test_as_many_rows_as_asked(self, rows: int, encounters: int) -> None:
        tables = SyntheticSource(rows=rows, encounters=encounters).read().tables
        assert len(tables["appointments"]) == rows
        assert len(tables["encounters"]) == encounters if encounters else "encounters" not in tables

    @pytest.mark.parametrize("options", [{"rows": 0}, {"rows": -1}, {"seed": -1}, {"encounters": -1}])
    def test_impossible_numbers_are_bad_input(self, options: Mapping[str, int]) -> None:
        with pytest.raises(NothingToDraw):
            make_source("synthetic", **options)

    def test_a_path_is_bad_input(self) -> None:
        with pytest.raises(NoLocation):
            SyntheticSource(rows=1).read("appointments.csv")

    def test_it_says_that_it_is_nobodys(self) -> None:
        raw = SyntheticSource(rows=10).read()
        assert raw.basis == "synthetic"
        assert raw.consent["asked"] == "not-required"
        assert raw.consent["reason"]


class TestTables:
    def test_are_canonical(self, tables: Tables) -> None:
        for name, frame in tables.items():
            assert frame.schema == schema_of(name)
            assert frame.select(pl.col(*required_columns(name)).null_count()).sum_horizontal().item() == 0

    def test_hold_only_known_words_and_ranges(self, tables: Tables) -> None:
        for table, columns in WORDS.items():
            for column, words in columns.items():
                if table in tables:
                    assert set(tables[table][column].drop_nulls().unique()) <= set(words)
        for table, columns in RANGES.items():
            for column, (low, high) in columns.items():
                if table in tables:
                    assert tables[table][column].drop_nulls().is_between(low, high).all()

    def test_know_every_patient_once(self, tables: Tables) -> None:
        known = tables["patients"]["patient_id"]
        assert known.is_unique().all()
        for name in ("appointments", "encounters", "contacts"):
            assert tables[name]["patient_id"].is_in(known.implode()).all()

    def test_have_keys(self, tables: Tables) -> None:
        assert tables["appointments"]["appointment_id"].is_unique().all()
        assert tables["encounters"]["encounter_id"].is_unique().all()
        assert tables["encounters"]["ordinal"].is_unique().all()
        assert tables["contacts"]["contact_id"].is_unique().all()

    def test_name_no_site_that_few_have(self) -> None:
        published, scored = (
            SyntheticSource(rows=4_000, encounters=0).read(for_scoring=way).tables["appointments"]
            for way in (False, True)
        )
        named = published.filter(pl.col("site") != "other")["site"].value_counts()
        assert named["count"].min() >= 50  # type: ignore[operator]
        assert scored["site"].n_unique() > published["site"].n_unique()

    def test_know_an_encounters_outcome_when_the_next_begins(self, tables: Tables) -> None:
        stays = tables["encounters"].sort("patient_id", "ordinal")
        following = stays["ordinal"].shift(-1)
        same = stays["patient_id"].shift(-1) == stays["patient_id"]
        expected = pl.select(pl.when(same).then(following)).to_series()
        assert stays["outcome_known_ordinal"].equals(expected, null_equal=True)


class TestAppointments:
    def test_are_booked_by_their_day_and_on_no_weekend(self, appointments: pl.DataFrame) -> None:
        assert appointments["lead"].min() == 0
        assert appointments["booked"].dt.weekday().max() <= 5  # type: ignore[operator]
        assert appointments["day"].dt.weekday().max() <= 5  # type: ignore[operator]

    def test_are_missed_as_often_as_real_ones(self, appointments: pl.DataFrame) -> None:
        assert appointments["missed"].mean() == pytest.approx(0.20, abs=0.015)

    def test_keep_the_published_share_of_same_day_bookings(self, appointments: pl.DataFrame) -> None:
        published = float(np.mean(parameters("no_show")["lead"]["same_day"]))
        assert (appointments["lead"] == 0).mean() == pytest.approx(published, abs=0.03)

    def test_are_seldom_missed_on_the_day_of_booking(self, appointments: pl.DataFrame) -> None:
        same_day = appointments.filter(pl.col("lead") == 0)["missed"].mean()
        later = appointments.filter(pl.col("lead") > 7)["missed"].mean()
        assert same_day == pytest.approx(0.046, abs=0.02)
        assert later == pytest.approx(0.32, abs=0.04)

    def test_carry_a_history(self, appointments: pl.DataFrame) -> None:
        earlier = appointments.sort("patient_id", "day").with_columns(
            before=pl.col("missed").shift(1).over("patient_id"), apart=pl.col("day").diff().over("patient_id")
        )
        ahead = earlier.filter(pl.col("lead") > 0, pl.col("apart") > pl.duration(days=0))
        rates = dict(ahead.group_by("before").agg(pl.col("missed").mean()).iter_rows())
        assert rates[True] > rates[False] + 0.05

    def test_keep_the_published_reminders(self, tables: Tables, appointments: pl.DataFrame) -> None:
        reminded = appointments["appointment_id"].is_in(tables["contacts"]["appointment_id"].implode())
        assert not reminded.filter(appointments["lead"] < 3).any()
        assert reminded.filter(appointments["lead"] >= 29).mean() == pytest.approx(
            parameters("no_show")["reminder"]["rates"][-1], abs=0.04
        )

    def test_give_older_patients_more_illness(self, appointments: pl.DataFrame) -> None:
        old, young = pl.col("age") >= 65, pl.col("age").is_between(15, 34)
        illness = appointments.select(
            old=pl.col("hypertension").filter(old).mean(), young=pl.col("hypertension").filter(young).mean()
        )
        assert illness["old"].item() > 0.45
        assert illness["young"].item() < 0.05


class TestScale:
    def test_more_rows_reach_further_back_and_not_into_the_future(self) -> None:
        few, many = (
            SyntheticSource(rows=rows, encounters=0).read().tables["appointments"] for rows in (20_000, 250_000)
        )
        last = date.fromisoformat(parameters("no_show")["calendar"]["last_day"])
        assert few["day"].max() == many["day"].max() == last
        assert few["day"].n_unique() == 26
        assert many["day"].n_unique() == round(26 * 250 / 88)

    def test_a_patients_history_stays_as_long(self) -> None:
        few, many = (
            SyntheticSource(rows=rows, encounters=0).read().tables["appointments"] for rows in (80_000, 250_000)
        )
        lengths = [len(frame) / frame["patient_id"].n_unique() for frame in (few, many)]
        assert lengths[0] == pytest.approx(lengths[1], rel=0.03)


class TestEncounters:
    def test_are_readmitted_as_often_as_real_ones(self, tables: Tables) -> None:
        assert tables["encounters"]["readmitted_within_30_days"].mean() == pytest.approx(0.115, abs=0.012)

    @pytest.mark.parametrize("column", ["disposition", "diagnosis_1", "payer", "glucose_test"])
    def test_keep_the_published_shares(self, tables: Tables, column: str) -> None:
        given = parameters("readmission")["columns"][column]
        published = dict(zip(given["levels"], given["shares"], strict=True))
        drawn = dict(tables["encounters"][column].value_counts(normalize=True).iter_rows())
        assert sum(abs(drawn.get(level, 0.0) - share) for level, share in published.items()) / 2 < 0.03

    def test_earlier_stays_raise_the_risk(self, tables: Tables) -> None:
        rate = pl.col("readmitted_within_30_days").mean()
        none, some = (
            tables["encounters"].filter(where).select(rate).item()
            for where in (pl.col("inpatient_visits") == 0, pl.col("inpatient_visits") >= 3)
        )
        assert some > 2 * none

    def test_who_is_readmitted_comes_back(self, tables: Tables) -> None:
        back = pl.col("outcome_known_ordinal").is_not_null().mean()
        rates = dict(tables["encounters"].group_by("readmitted_within_30_days").agg(back).iter_rows())
        assert rates[True] > 0.5 > rates[False]


class TestPublishedParameters:
    def test_name_invented_sites_only(self, tables: Tables) -> None:
        words = {word for name in tables["appointments"]["site"].unique() for word in name.split()}
        assert words <= {*TREES, *PLACES, "other"}

    @needs_real_data
    def test_hold_no_level_that_fewer_than_fifty_rows_have(self) -> None:
        real = make_source("diabetes-130").read(str(ENCOUNTERS)).tables
        rows = real["encounters"].join(real["patients"], on="patient_id")
        for name, given in parameters("readmission")["columns"].items():
            if name in rows.columns and "levels" in given:
                counts = dict(rows[name].value_counts().iter_rows())
                assert all(counts[level] >= 50 for level in given["levels"])

    @needs_real_data
    def test_give_no_real_row_more_often_than_chance_does(self) -> None:
        real = make_source("diabetes-130").read(str(ENCOUNTERS)).tables["encounters"]
        drawn = SyntheticSource(rows=1, encounters=len(real)).read().tables["encounters"]
        keys = ("encounter_id", "patient_id", "ordinal", "outcome_known_ordinal", "admitted_on", "discharged_on")
        content = [name for name in real.columns if name not in keys]
        half = real["patient_id"].hash(seed=1) % 2 == 0
        among_real = _shared(real.filter(~half), real.filter(half), content)
        assert _shared(drawn, real.filter(half), content) <= among_real + 1e-4

    @needs_real_data
    def test_draw_no_real_appointment(self) -> None:
        real = make_source("noshow-kaggle").read(str(APPOINTMENTS)).tables["appointments"]
        drawn = SyntheticSource(rows=len(real), encounters=0).read().tables["appointments"]
        assert not set(real["site"].unique()) & set(drawn["site"].unique()) - {"other"}
        assert drawn["day"].min() > real["day"].max()  # type: ignore[operator]


def _shared(rows: pl.DataFrame, reference: pl.DataFrame, content: list[str]) -> float:
    """Return the share of `rows` whose content stands in `reference` too."""
    return len(rows.join(reference, on=content, how="semi", nulls_equal=True)) / len(rows)
