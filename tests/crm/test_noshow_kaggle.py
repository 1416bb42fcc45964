"""Every rule of the no-show file, met by a row made for it."""

from __future__ import annotations

import json
from datetime import date, datetime
from pathlib import Path

import polars as pl
import pytest

from crm.source import RawTables
from crm.sources.noshow_kaggle import NoShowKaggleSource
from crm.sources.noshow_kaggle_rules import COLUMNS, REQUIRED, appointment_rules

DATA = Path(__file__).parents[2] / "../shared/data/noshow/appointments.csv.gz"


def read(path: Path, **given: bool) -> RawTables:
    return NoShowKaggleSource().read(str(path), **given)


def moment(text: str) -> datetime:
    """Canonical moments are UTC without a zone."""
    return datetime.fromisoformat(text)


def rules_met(raw: RawTables) -> list[str]:
    return raw.rejected["rule"].to_list()


class TestMapping:
    def test_a_sound_row_becomes_an_appointment(self, appointments):
        raw = read(appointments([{}]), for_scoring=True)
        row = raw.tables["appointments"].to_dicts()[0]
        assert row == {
            "appointment_id": "5000000", "patient_id": "29872499824296", "booked_at": moment("2016-04-29T18:38:08"),
            "day": date(2016, 5, 3), "starts_at": None, "site": "CENTRO", "age": 62, "welfare": False,
            "hypertension": True, "diabetes": False, "alcoholism": False, "disabilities": 0, "status": "fulfilled",
            "outcome_known_at": moment("2016-05-04"),
        }  # fmt: skip
        assert raw.tables["patients"].to_dicts() == [{"patient_id": "29872499824296", "sex": "female", "race": None}]

    def test_no_show_yes_means_that_the_patient_did_not_come(self, appointments):
        assert read(appointments([{"No-show": "Yes"}])).tables["appointments"]["status"].to_list() == ["noshow"]

    def test_an_empty_label_is_an_appointment_still_booked(self, appointments):
        row = read(appointments([{"No-show": ""}])).tables["appointments"].to_dicts()[0]
        assert (row["status"], row["outcome_known_at"]) == ("booked", None)

    def test_the_label_column_may_be_absent(self, appointments):
        path = appointments([{}])
        lines = [line.rpartition(",")[0] for line in path.read_text().splitlines()]
        path.write_text("\n".join(lines) + "\n")
        assert read(path).tables["appointments"]["status"].to_list() == ["booked"]

    def test_a_reminder_is_a_contact_and_no_column(self, appointments):
        raw = read(appointments([{"SMS_received": "1"}, {"SMS_received": "0", "PatientId": "2"}]))
        assert raw.tables["contacts"].select("patient_id", "appointment_id", "channel", "purpose", "at").to_dicts() == [
            {
                "patient_id": "29872499824296",
                "appointment_id": "5000000",
                "channel": "sms",
                "purpose": "reminder",
                "at": None,
            }
        ]

    def test_disabilities_are_counted(self, appointments):
        assert read(appointments([{"Handcap": "4"}])).tables["appointments"]["disabilities"].to_list() == [4]

    def test_same_day_bookings_stay(self, appointments):
        assert rules_met(read(appointments([{"AppointmentDay": "2016-04-29T00:00:00Z"}]))) == []

    def test_further_appointments_of_a_patient_on_the_same_day_stay(self, appointments):
        assert rules_met(read(appointments([{}, {"ScheduledDay": "2016-04-29T18:40:00Z"}]))) == []


class TestQuarantine:
    @pytest.mark.parametrize(
        ("rule", "change"),
        [
            *(("missing-value", {column: ""}) for column in REQUIRED),
            ("malformed-id", {"PatientId": "abc"}),
            ("malformed-id", {"PatientId": "-5"}),
            ("malformed-id", {"AppointmentID": "1E-99"}),
            ("id-lost-digits", {"PatientId": "2.98725E+13"}),
            ("broken-date", {"ScheduledDay": "2016-13-29T18:38:08Z"}),
            ("broken-date", {"AppointmentDay": "29/04/2016"}),
            ("broken-date", {"AppointmentDay": "0016-05-03T00:00:00Z"}),
            ("booked-after-day", {"AppointmentDay": "2016-04-28T00:00:00Z"}),
            ("malformed-number", {"Age": "sixty"}),
            ("malformed-number", {"Age": "6.5"}),
            ("malformed-number", {"Age": "99999999999999999999"}),
            ("malformed-number", {"SMS_received": "yes"}),
            ("negative-age", {"Age": "-1"}),
            ("implausible-age", {"Age": "115"}),
            ("unknown-flag", {"Scholarship": "2"}),
            ("count-out-of-range", {"Handcap": "5"}),
            ("unknown-status", {"No-show": "Maybe"}),
        ],
    )
    def test_holds_back_a_row_and_keeps_its_neighbour(self, appointments, rule, change):
        raw = read(appointments([change, {"PatientId": "77"}]))
        assert rules_met(raw) == [rule]
        assert raw.tables["appointments"].height == 1
        assert raw.rejected["row_number"].to_list() == [1]

    def test_keeps_the_row_as_the_source_has_it(self, appointments):
        raw = read(appointments([{"Age": "-1"}]))
        kept = json.loads(raw.rejected["raw"].item())
        assert list(kept) == list(COLUMNS)
        assert kept["Age"] == "-1"

    def test_a_double_booking_counts_once(self, appointments):
        raw = read(appointments([{}, {}, {}]))
        assert rules_met(raw) == ["duplicate-booking"] * 2
        assert raw.tables["appointments"]["appointment_id"].to_list() == ["5000000"]

    def test_the_same_row_twice_counts_once(self, appointments):
        assert rules_met(read(appointments([{"AppointmentID": "9"}, {"AppointmentID": "9"}]))) == ["repeated-row"]

    def test_one_id_on_different_rows_is_nobodys(self, appointments):
        raw = read(appointments([{"AppointmentID": "9"}, {"AppointmentID": "9", "Age": "30"}]))
        assert rules_met(raw) == ["conflicting-id"] * 2

    def test_one_id_written_in_two_ways_is_one_id(self, appointments):
        raw = read(appointments([{"AppointmentID": "9"}, {"AppointmentID": "9.0", "Age": "30"}]))
        assert rules_met(raw) == ["conflicting-id"] * 2

    def test_a_row_is_counted_under_the_first_rule_it_meets(self, appointments):
        assert rules_met(read(appointments([{"PatientId": "", "Age": "-1"}]))) == ["missing-value"]


class TestRepair:
    def test_ages_of_ninety_and_above_are_one(self, appointments):
        raw = read(appointments([{"Age": "90"}, {"Age": "97", "PatientId": "2"}, {"Age": "114", "PatientId": "3"}]))
        assert raw.tables["appointments"]["age"].to_list() == [90, 90, 90]
        assert raw.repaired["top-coded-age"] == 2

    def test_small_sites_are_merged_when_published(self, appointments):
        rows = [{"PatientId": str(n), "Neighbourhood": "BIG" if n < 400 else "SMALL"} for n in range(799)]
        raw = read(appointments(rows))
        assert raw.tables["appointments"]["site"].unique().sort().to_list() == ["BIG", "other"]
        assert raw.repaired["small-site"] == 399

    def test_small_sites_stay_when_scored(self, appointments):
        raw = read(appointments([{}]), for_scoring=True)
        assert raw.tables["appointments"]["site"].to_list() == ["CENTRO"]
        assert "small-site" not in raw.repaired

    def test_scientific_notation_that_lost_nothing_is_the_exact_decimal(self, appointments):
        raw = read(appointments([{"PatientId": "9377952927E-5"}, {"PatientId": "93779.52927", "Age": "3"}]))
        assert raw.tables["appointments"]["patient_id"].to_list() == ["93779.52927"] * 2
        assert raw.repaired["id-written-as-float"] == 2

    def test_an_unknown_sex_is_null(self, appointments):
        raw = read(appointments([{"Gender": "X"}]))
        assert raw.tables["patients"]["sex"].to_list() == [None]
        assert raw.repaired["unknown-sex"] == 1

    def test_a_contradictory_sex_is_null(self, appointments):
        raw = read(appointments([{}, {"Gender": "M"}]))
        assert raw.tables["patients"]["sex"].to_list() == [None]
        assert raw.repaired["contradictory-sex"] == 1

    @pytest.mark.parametrize("column", ["Age", "Handcap", "Neighbourhood", "Scholarship", "SMS_received", "Gender"])
    def test_a_value_that_a_row_can_do_without_stays_null(self, appointments, column):
        raw = read(appointments([{column: ""}]))
        assert rules_met(raw) == []
        assert raw.repaired["left-null"] == 1


class TestRegistry:
    def test_every_rule_has_a_name_of_its_own_and_a_reason(self):
        rules = appointment_rules(for_scoring=False)
        assert len({rule.name for rule in rules}) == len(rules)
        assert all(len(rule.reason) > 20 for rule in rules)


@pytest.fixture(scope="module")
def raw() -> RawTables:
    return read(DATA)


@pytest.mark.skipif(not DATA.is_file(), reason="the real no-show file is not on this machine")
class TestRealFile:
    def test_meets_the_defects_that_were_counted(self, raw):
        counts = dict(raw.rejected.group_by("rule").len().iter_rows())
        assert counts == {"booked-after-day": 3, "implausible-age": 5, "duplicate-booking": 496}
        assert raw.repaired == {"id-written-as-float": 5, "small-site": 5578, "top-coded-age": 226}

    def test_loses_no_row(self, raw):
        assert raw.tables["appointments"].height + raw.rejected.height == 88_404

    def test_merges_the_small_sites_alone(self, raw):
        sizes = pl.read_csv(DATA, columns=["Neighbourhood"])["Neighbourhood"].value_counts()["count"]
        assert raw.tables["appointments"]["site"].n_unique() == (sizes >= 400).sum() + 1

    def test_counts_disabilities(self, raw):
        held_back = raw.rejected["raw"].str.json_path_match("$.Handcap").str.to_integer() > 1
        assert (raw.tables["appointments"]["disabilities"] > 1).sum() + held_back.sum() == 160
