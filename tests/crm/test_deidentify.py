"""The door: tokens in, identifiers out, nothing lost on the way."""

from __future__ import annotations

import json

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from crm.deidentify import deidentify, namespace, quarantine_label
from crm.scoring_input import load_for_scoring
from crm.source import RawTables, make_source
from governance.row_keys import RowKeys
from governance.vault import SealBroken, Vault

ODD = st.one_of(
    st.sampled_from(["", "0", "1", "-1", "?", "é", "No", "Yes", "1E-5", "9.0", "115"]), st.text("0123.E- ", max_size=6)
)
COLUMNS = ["PatientId", "AppointmentID", "Gender", "ScheduledDay", "AppointmentDay", "Age", "Handcap", "No-show"]


class TestTokens:
    def test_are_the_same_for_a_patient_in_every_table(self, appointments, vault):
        draft = deidentify(read(appointments([{"SMS_received": "1"}])), vault, owner="owner")
        held = [frame["patient_id"].item() for frame in draft.tables.values()]
        assert len(set(held)) == 1
        assert vault.identifiers([held[0]]) == {held[0]: "29872499824296"}

    def test_are_the_same_when_the_file_is_read_again(self, appointments, vault):
        path = appointments([{}, {"PatientId": "7"}])
        first, second = (deidentify(read(path), vault, owner="owner").tables["appointments"] for _ in range(2))
        assert first.equals(second)

    def test_of_patient_and_record_differ_where_their_numbers_agree(self, appointments, vault):
        draft = deidentify(read(appointments([{"PatientId": "5", "AppointmentID": "5"}])), vault, owner="owner")
        row = draft.tables["appointments"].row(0, named=True)
        assert row["patient_id"] != row["appointment_id"]

    def test_known_and_new_identifiers_are_asked_for_together(self, vault):
        first = vault.tokens("a/patient", ["1", "2"])
        second = vault.tokens("a/patient", ["2", "3", "3"])
        assert second["2"] == first["2"]
        assert len({*first.values(), *second.values()}) == 3
        assert vault.known("a/patient", ["1", "9"]) == {"1": first["1"]}
        assert vault.tokens("b/patient", ["1"])["1"] != first["1"]

    def test_stand_in_a_namespace_of_their_system(self):
        raw = RawTables("csv", "", {}, "public", {}, system="clinic-a")
        assert namespace(raw, "patient_id") == "clinic-a/patient"


class TestQuarantine:
    def test_rows_are_sealed_each_under_a_key_of_its_own_and_open_only_in_their_place(self, appointments, vault):
        draft = deidentify(read(appointments([{"Age": "-1"}, {"Age": "-2"}])), vault, owner="owner")
        sealed, names = draft.quarantine["sealed"].to_list(), draft.quarantine["key"].to_list()
        own, other = (RowKeys(vault).find(name) for name in names)
        label = quarantine_label("noshow-kaggle", "appointments", 1)
        assert json.loads(own.unseal(label, sealed[0]))["Age"] == "-1"
        for key, place in ((own, "quarantine/elsewhere"), (other, label)):
            with pytest.raises(SealBroken):
                key.unseal(place, sealed[0])

    def test_a_key_opens_with_its_own_homes_key_alone(self, appointments, vault):
        draft = deidentify(read(appointments([{"Age": "-1"}])), vault, owner="owner")
        with pytest.raises(SealBroken):
            RowKeys(Vault(vault.engine, b"1" * 64)).find(draft.quarantine["key"].item())

    def test_the_same_row_has_one_key_in_whatever_file_it_comes(self, appointments, vault):
        first, again = (
            deidentify(read(appointments(rows)), vault, owner="owner").quarantine["key"].to_list()
            for rows in (
                [{"Age": "-1", "AppointmentID": "9"}],
                [{}, {"Age": "-1", "AppointmentID": "9"}, {"Age": "-1"}],
            )
        )
        assert again[0] == first[0]
        assert again[1] != first[0]

    def test_counts_by_rule(self, appointments, vault):
        draft = deidentify(read(appointments([{"Age": "-1"}, {"Age": "-2"}, {"Handcap": "9"}])), vault, owner="owner")
        assert draft.quarantined == {"negative-age": 2, "count-out-of-range": 1}

    def test_says_nothing_of_a_row_in_its_own_text(self, appointments, vault):
        raw = read(appointments([{"Age": "-1"}, {}]))
        assert "29872499824296" not in repr(raw)
        assert "29872499824296" not in repr(deidentify(raw, vault, owner="owner"))


class TestNothingIsLost:
    @settings(max_examples=80, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
    @given(rows=st.lists(st.dictionaries(st.sampled_from(COLUMNS), ODD, max_size=3), min_size=1, max_size=8))
    def test_every_row_is_kept_or_held_back_exactly_once(self, appointments, rows):
        raw = read(appointments(rows))
        kept = raw.records["appointments"]["row_number"].to_list()
        assert sorted(kept + raw.rejected["row_number"].to_list()) == list(range(1, len(rows) + 1))
        assert raw.tables["appointments"].height == len(kept)
        assert raw.tables["appointments"]["appointment_id"].n_unique() == len(kept)

    @settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
    @given(
        rows=st.lists(
            st.dictionaries(
                st.sampled_from(["patient_nbr", "encounter_id", "age", "diag_1", "change"]), ODD, max_size=3
            ),
            min_size=1,
            max_size=8,
        )
    )
    def test_of_encounters_too(self, encounters, rows):
        raw = make_source("diabetes-130").read(str(encounters(rows)))
        kept = raw.records["encounters"]["row_number"].to_list()
        assert sorted(kept + raw.rejected["row_number"].to_list()) == list(range(1, len(rows) + 1))
        assert raw.tables["encounters"]["ordinal"].null_count() == 0


class TestForScoring:
    def test_every_row_of_the_input_gets_its_own_number_back(self, appointments, vault):
        path = appointments([{"AppointmentID": "12.0"}, {"Age": "-1"}, {"AppointmentID": "9", "PatientId": "8"}])
        tables, records = load_for_scoring(make_source("noshow-kaggle"), str(path), vault, table="appointments")
        assert records.select("row_number", "record_id", "rule").rows() == [
            (1, "12.0", None),
            (2, "5000001", "negative-age"),
            (3, "9", None),
        ]
        scored = records.filter(pl.col("rule").is_null())
        assert scored["token"].to_list() == tables["appointments"]["appointment_id"].to_list()

    def test_a_file_of_nothing_but_bad_rows_gives_them_all_back(self, appointments, vault):
        path = appointments([{"Age": "-1"}, {"Age": "-2"}])
        tables, records = load_for_scoring(make_source("noshow-kaggle"), str(path), vault, table="appointments")
        assert tables["appointments"].height == 0
        assert records["rule"].to_list() == ["negative-age"] * 2

    def test_a_table_that_the_source_lacks_has_no_records(self, appointments, vault):
        _, records = load_for_scoring(make_source("noshow-kaggle"), str(appointments([{}])), vault, table="encounters")
        assert records.height == 0


def read(path: object) -> RawTables:
    return make_source("noshow-kaggle").read(str(path))
