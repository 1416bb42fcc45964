"""A day's worklist is about records that lie in its window and whose outcome nobody knows."""

from __future__ import annotations

from datetime import date, timedelta

import polars as pl
import pytest

from crm.outreach.candidates import NoDays, candidates

DAY = date(2026, 5, 20)


def encounters(*rows: tuple[int, date | None, bool | None]) -> pl.LazyFrame:
    names = {"ordinal": pl.Int64, "discharged_on": pl.Date, "readmitted_within_30_days": pl.Boolean}
    return pl.LazyFrame(rows, schema=names, orient="row")


class TestAppointments:
    def test_are_those_still_booked_two_days_ahead(self, policy):
        days = [DAY + timedelta(days=ahead) for ahead in (1, 2, 2, 2, 3)]
        states = ["booked", "booked", "cancelled", "booked", "booked"]
        rows = pl.LazyFrame({"day": days, "status": states, "place": range(5)})
        assert candidates(rows, "appointments", policy.of("no-show"), DAY)["place"].to_list() == [1, 3]


class TestEncounters:
    def test_are_yesterdays_discharges_where_the_source_has_days(self, policy):
        yesterday = DAY - timedelta(days=1)
        rows = encounters(
            (1, yesterday, None), (2, DAY, None), (3, yesterday, True), (4, None, None), (5, yesterday, None)
        )
        found = candidates(rows, "encounters", policy.of("readmission-risk"), DAY)
        assert found["ordinal"].to_list() == [1, 5]

    def test_are_the_newest_open_ones_where_it_has_none(self, policy):
        known = [(number, None, False) for number in range(200, 300)]
        rows = encounters(*((number, None, None) for number in range(200)), *known)
        found = candidates(rows, "encounters", policy.of("readmission-risk"), DAY)
        assert found["ordinal"].to_list() == list(range(100, 200))

    def test_are_none_where_every_outcome_is_known(self, policy):
        assert candidates(encounters((1, None, True)), "encounters", policy.of("readmission-risk"), DAY).is_empty()


def test_other_tables_have_no_worklist(policy):
    with pytest.raises(NoDays):
        candidates(pl.LazyFrame({"x": [1]}), "contacts", policy.of("no-show"), DAY)
