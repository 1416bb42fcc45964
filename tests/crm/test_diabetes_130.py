"""Every rule of the encounters file, met by a row made for it."""

from __future__ import annotations

import json
from pathlib import Path

import polars as pl
import pytest

from crm.source import RawTables
from crm.sources.diabetes_130 import Diabetes130Source
from crm.sources.diabetes_130_rules import REQUIRED, encounter_rules

DATA = Path(__file__).parents[2] / "../shared/data/readmission/encounters.csv.gz"


def read(path: Path) -> RawTables:
    return Diabetes130Source().read(str(path))


def rules_met(raw: RawTables) -> list[str]:
    return raw.rejected["rule"].to_list()


def only_row(raw: RawTables) -> dict[str, object]:
    assert raw.rejected.height == 0
    return raw.tables["encounters"].row(0, named=True)


class TestMapping:
    def test_a_sound_row_becomes_an_encounter(self, encounters):
        row = only_row(read(encounters([{}])))
        assert row == {
            "encounter_id": "1000", "patient_id": "55629189", "ordinal": 1, "outcome_known_ordinal": None,
            "admitted_on": None, "discharged_on": None, "age": 10, "admission_type": "emergency",
            "admission_source": "emergency", "disposition": "home", "specialty": None, "payer": None,
            "days_in_hospital": 3, "lab_procedures": 59, "procedures": 0, "medications": 18, "outpatient_visits": 0,
            "emergency_visits": 0, "inpatient_visits": 0, "diagnoses": 9, "diagnosis_1": "fluid-electrolyte",
            "diagnosis_2": "diabetes", "diagnosis_3": "endocrine", "glucose_test": "not-measured",
            "a1c_test": "not-measured", "insulin": "up", "metformin": "no", "diabetes_drugs": 1, "drugs_changed": 1,
            "medication_change": True, "diabetes_medication": True, "readmitted_within_30_days": False,
        }  # fmt: skip

    @pytest.mark.parametrize(("said", "label"), [("<30", True), (">30", False), ("NO", False), ("", None), ("?", None)])
    def test_the_label_is_readmission_within_thirty_days(self, encounters, said, label):
        assert only_row(read(encounters([{"readmitted": said}])))["readmitted_within_30_days"] is label

    def test_none_means_not_measured(self, encounters):
        assert only_row(read(encounters([{"A1Cresult": "None"}])))["a1c_test"] == "not-measured"

    def test_drugs_are_counted(self, encounters):
        row = only_row(read(encounters([{"metformin": "Steady", "glipizide": "Down"}])))
        assert (row["diabetes_drugs"], row["drugs_changed"], row["metformin"]) == (3, 2, "steady")

    @pytest.mark.parametrize(
        ("column", "code", "field"),
        [
            ("discharge_disposition_id", "18", "disposition"),
            ("admission_type_id", "6", "admission_type"),
            ("admission_source_id", "17", "admission_source"),
        ],
    )
    def test_a_code_for_unknown_is_null(self, encounters, column, code, field):
        raw = read(encounters([{column: code}]))
        assert only_row(raw)[field] is None
        assert raw.repaired["code-for-unknown"] == 1

    @pytest.mark.parametrize(
        ("column", "value"),
        [("admission_type_id", "99"), ("race", "Martian"), ("diag_1", "xyz"), ("max_glu_serum", ">900")],
    )
    def test_a_code_that_nobody_described_is_null_and_counted(self, encounters, column, value):
        assert read(encounters([{column: value}])).repaired["unknown-code"] == 1

    def test_rare_specialties_and_payers_are_merged(self, encounters):
        raw = read(encounters([{"medical_specialty": "SportsMedicine", "payer_code": "FR"}]))
        assert (only_row(raw)["specialty"], only_row(raw)["payer"]) == ("other", "other")
        assert (raw.repaired["rare-specialty"], raw.repaired["rare-payer"]) == (1, 1)

    def test_the_oldest_bracket_is_ninety_and_above(self, encounters):
        raw = read(encounters([{"age": "[90-100)"}]))
        assert only_row(raw)["age"] == 90
        assert raw.repaired["top-coded-age"] == 1


class TestOrder:
    def test_is_that_of_the_encounter_numbers_whatever_the_rows_order(self, encounters):
        raw = read(encounters([{"encounter_id": "900"}, {"encounter_id": "1000", "age": "?"}, {"encounter_id": "20"}]))
        assert raw.tables["encounters"]["ordinal"].to_list() == [2, 3, 1]

    def test_a_label_is_known_by_the_patients_next_encounter(self, encounters):
        other = {"patient_nbr": "2"}
        raw = read(encounters([{"encounter_id": "1"}, {"encounter_id": "2", **other}, {"encounter_id": "3"}]))
        assert raw.tables["encounters"]["outcome_known_ordinal"].to_list() == [3, None, None]

    def test_a_next_encounter_that_is_held_back_counts_too(self, encounters):
        raw = read(encounters([{"encounter_id": "1"}, {"encounter_id": "2", "discharge_disposition_id": "11"}]))
        assert raw.tables["encounters"]["outcome_known_ordinal"].to_list() == [2]


class TestQuarantine:
    @pytest.mark.parametrize(
        ("rule", "change"),
        [
            *(("missing-value", {column: "?"}) for column in REQUIRED),
            ("malformed-id", {"patient_nbr": "x"}),
            ("id-lost-digits", {"encounter_id": "2.4E+8"}),
            ("malformed-number", {"num_medications": "many"}),
            ("malformed-number", {"admission_type_id": "one"}),
            ("count-out-of-range", {"number_inpatient": "-1"}),
            ("count-out-of-range", {"num_lab_procedures": "40000"}),
            ("unknown-age", {"age": "[5-95)"}),
            ("unknown-age", {"age": "-3"}),
            ("unknown-dose", {"glyburide": "Maybe"}),
            ("unknown-medication", {"change": "Yes"}),
            ("unknown-status", {"readmitted": "<31"}),
            *(("discharged-dead", {"discharge_disposition_id": code}) for code in ("11", "19", "20", "21")),
            *(("discharged-hospice", {"discharge_disposition_id": code}) for code in ("13", "14")),
        ],
    )
    def test_holds_back_a_row_and_keeps_its_neighbour(self, encounters, rule, change):
        raw = read(encounters([change, {"patient_nbr": "77"}]))
        assert rules_met(raw) == [rule]
        assert raw.tables["encounters"].height == 1

    def test_holds_back_encounters_after_the_patients_death(self, encounters):
        died = {"encounter_id": "50", "discharge_disposition_id": "11"}
        raw = read(encounters([{"encounter_id": "40"}, died, {"encounter_id": "60"}, {"patient_nbr": "2"}]))
        assert rules_met(raw) == ["discharged-dead", "after-death"]

    def test_one_id_on_different_rows_is_nobodys(self, encounters):
        raw = read(encounters([{"encounter_id": "9"}, {"encounter_id": "9", "age": "?"}]))
        assert rules_met(raw) == ["conflicting-id"] * 2

    def test_keeps_the_row_as_the_source_has_it(self, encounters):
        raw = read(encounters([{"discharge_disposition_id": "13"}]))
        assert json.loads(raw.rejected["raw"].item())["weight"] == "?"


class TestPatients:
    def test_one_that_contradicts_itself_has_no_race_or_sex(self, encounters):
        raw = read(encounters([{}, {"race": "Asian"}, {"gender": "Male"}]))
        assert raw.tables["patients"].to_dicts() == [{"patient_id": "55629189", "sex": None, "race": None}]
        assert (raw.repaired["contradictory-race"], raw.repaired["contradictory-sex"]) == (1, 1)

    def test_a_missing_value_contradicts_nothing(self, encounters):
        raw = read(encounters([{"race": "?"}, {"gender": "Unknown/Invalid"}]))
        assert raw.tables["patients"].to_dicts() == [{"patient_id": "55629189", "sex": "female", "race": "Caucasian"}]
        assert raw.repaired == {"unknown-sex": 1}


class TestRegistry:
    def test_every_rule_has_a_name_of_its_own_and_a_reason(self):
        rules = encounter_rules()
        assert len({rule.name for rule in rules}) == len(rules)
        assert all(len(rule.reason) > 20 for rule in rules)


@pytest.fixture(scope="module")
def raw() -> RawTables:
    return read(DATA)


@pytest.mark.skipif(not DATA.is_file(), reason="the real encounters file is not on this machine")
class TestRealFile:
    def test_meets_the_defects_that_were_counted(self, raw):
        counts = dict(raw.rejected.group_by("rule").len().iter_rows())
        assert counts == {"discharged-dead": 1309, "discharged-hospice": 616, "after-death": 11}
        assert raw.repaired["unknown-sex"] == 2
        assert raw.repaired["contradictory-sex"] == 3

    def test_loses_no_row(self, raw):
        assert raw.tables["encounters"].height + raw.rejected.height == 81_667

    def test_no_category_is_a_question_mark(self, raw):
        texts = raw.tables["encounters"].select(pl.col(pl.String))
        assert not texts.select(pl.any_horizontal((pl.all() == "?").any())).item()

    def test_hands_no_encounter_number_on_as_an_order(self, raw):
        assert raw.tables["encounters"]["ordinal"].max() == 81_667
