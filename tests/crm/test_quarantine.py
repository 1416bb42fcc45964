"""The quarantine of snapshots: what a release lets in, what a discard takes away, and that neither leaks or lies."""

from __future__ import annotations

import json
from dataclasses import replace

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import text

from caregate.clock import system_clock
from crm.deidentify import deidentify
from crm.quarantine import (
    NoKeys,
    NotReleasable,
    ReleasedRows,
    RowNotHeld,
    WhichTable,
    binding,
    find_rows,
    held_rows,
    open_row,
    require_releasable,
)
from crm.reading import file_digest
from crm.rules import Action, quarantine, sort_out
from crm.snapshot import QUARANTINE, SnapshotChanged, publish
from crm.source import make_source
from crm.sources.canonical_rules import canonical_rules
from crm.sources.diabetes_130_rules import encounter_rules
from crm.sources.noshow_kaggle_rules import appointment_rules
from crm.tables import TABLES
from governance.held_rows import State
from governance.people import People, Role
from governance.quarantine import Quarantine
from governance.row_keys import RowDiscarded
from validation.contracts.check import check_all

WHY = "seen and settled by the ward"
OLD, OLDER = {"Age": "115", "PatientId": "5"}, {"Age": "118", "PatientId": "6"}
TWICE = [{"PatientId": "7"}, {"PatientId": "7"}]
DATASET = "basis: public\nowner: Jane Doe\nconsent: {asked: not-required, reason: public}\nsystem: "
TOO_OLD = "appointment_id,patient_id,booked_at,day,status,age\n1,2,2016-01-01T08:00:00Z,2016-01-05,noshow,120\n"


def published(folder, vault, path, *, source="noshow-kaggle", released=True):
    """Publish what a home makes of a file, its decisions heeded or not."""
    people = People(vault.engine)
    if people.find("ada") is None:
        people.add("ada", Role.ENGINEER, by="ada")
    raw = make_source(source).read(str(path), released=ReleasedRows.of(vault) if released else None)
    draft = deidentify(raw, vault, owner="owner")
    check_all(draft.tables)
    return publish(folder, draft, clock=system_clock)


def release(vault, snapshot, *numbers):
    rows = find_rows(snapshot, numbers)
    require_releasable(rows)
    Quarantine(vault.engine).release(rows, reason=WHY, by="ada")


def discard(vault, snapshot, *numbers):
    Quarantine(vault.engine).discard(find_rows(snapshot, numbers), reason=WHY, by="ada")


class TestRelease:
    def test_the_next_ingest_lets_this_very_row_in_and_counts_it(self, tmp_path, appointments, vault):
        path = appointments([{}, OLD, OLDER])
        before = published(tmp_path / "s", vault, path)
        release(vault, before, 2)
        after = published(tmp_path / "s", vault, path)
        assert before.manifest.tables["appointments"] == 1
        assert after.manifest.tables["appointments"] == 2
        assert after.manifest.released == {"implausible-age": 1}
        assert after.manifest.quarantined == {"implausible-age": 1}
        assert after.manifest.repaired == {"top-coded-age": 1, "small-site": 2}
        assert [row.row_number for row in held_rows(after)] == [3]
        assert before.manifest.digest != after.manifest.digest
        for snapshot in (before, after):
            snapshot.verify(content=True)

    def test_wherever_in_whatever_file_the_row_stands(self, tmp_path, appointments, vault):
        row = OLD | {"AppointmentID": "77"}
        release(vault, published(tmp_path / "s", vault, appointments([row])), 1)
        again = published(tmp_path / "s", vault, appointments([{}, {}, row]))
        assert again.manifest.released == {"implausible-age": 1}

    @pytest.mark.parametrize("change", [{"Age": "116"}, {"PatientId": "8"}, {"Gender": "M"}, {"No-show": "Yes"}])
    def test_a_row_that_was_changed_since_is_held_back_again(self, tmp_path, appointments, vault, change):
        release(vault, published(tmp_path / "s", vault, appointments([OLD])), 1)
        again = published(tmp_path / "s", vault, appointments([OLD | change]))
        assert again.manifest.quarantined == {"implausible-age": 1}
        assert again.manifest.released == {}

    def test_it_passes_the_named_rule_and_no_other(self, tmp_path, appointments, vault):
        path = appointments([{"PatientId": "5", "Age": "115"}, {"PatientId": "5", "Age": "115"}])
        first = published(tmp_path / "s", vault, path)
        release(vault, first, 2)
        second = published(tmp_path / "s", vault, path)
        assert {row.row_number: row.rule for row in held_rows(second)} == {1: "implausible-age", 2: "duplicate-booking"}
        assert second.manifest.released == {}
        release(vault, second, 2)
        third = published(tmp_path / "s", vault, path)
        assert third.manifest.released == {"duplicate-booking": 1, "implausible-age": 1}
        assert [row.row_number for row in held_rows(third)] == [1]

    def test_taken_back_it_is_held_back_again(self, tmp_path, appointments, vault):
        path = appointments([{}, OLD])
        before = published(tmp_path / "s", vault, path)
        release(vault, before, 2)
        Quarantine(vault.engine).hold(find_rows(before, [2]), reason=WHY, by="ada")
        assert ReleasedRows.of(vault) is None
        assert published(tmp_path / "s", vault, path).manifest == before.manifest

    def test_another_systems_row_of_the_same_words_is_another_row(self, tmp_path, vault):
        folder = tmp_path / "export"
        folder.mkdir()
        (folder / "appointments.csv").write_text(TOO_OLD)
        (folder / "dataset.yaml").write_text(f"{DATASET}clinic-a")
        release(vault, published(tmp_path / "s", vault, folder, source="csv"), 1)
        assert published(tmp_path / "s", vault, folder, source="csv").manifest.released == {"implausible-age": 1}
        (folder / "dataset.yaml").write_text(f"{DATASET}clinic-b")
        assert published(tmp_path / "s", vault, folder, source="csv").manifest.released == {}

    def test_two_homes_that_decide_the_same_publish_the_same(self, tmp_path, appointments, vault, new_vault):
        path, digests = appointments([{}, OLD, *TWICE]), []
        for name, home in (("one", vault), ("two", new_vault("two"))):
            release(home, published(tmp_path / name, home, path), 2, 4)
            digests.append(published(tmp_path / name, home, path).manifest.digest)
        assert digests[0] == digests[1]

    def test_rows_to_be_scored_are_judged_by_the_rules_alone(self, tmp_path, appointments, vault):
        path = appointments([OLD])
        release(vault, published(tmp_path / "s", vault, path), 1)
        assert make_source("noshow-kaggle").read(str(path), for_scoring=True).rejected.height == 1


ROWS = st.lists(
    st.fixed_dictionaries(
        {"PatientId": st.sampled_from("12"), "Age": st.sampled_from(["30", "115", "-1"])},
        optional={"Handcap": st.sampled_from("09"), "AppointmentID": st.sampled_from("34")},
    ),
    min_size=1,
    max_size=8,
)


class TestTheLawOfReleases:
    @settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
    @given(rows=ROWS, chosen=st.sets(st.integers(1, 8)))
    def test_rows_are_judged_as_if_the_rule_did_not_apply_to_the_released_ones(self, appointments, rows, chosen):
        path = appointments(rows)
        raw = make_source("noshow-kaggle").read(str(path))
        held = {row["row_number"]: row for row in raw.rejected.iter_rows(named=True)}
        freed = {(row["rule"], row["raw"]) for number, row in held.items() if number in chosen}
        again = make_source("noshow-kaggle").read(
            str(path), released=lambda _system, _table, rule, row: (rule, row) in freed
        )
        table = original(path)
        expected = {
            number: first_rule(table, number, {rule for rule, raw in freed if raw == row["raw"]})
            for number, row in held.items()
        }
        found = {row["row_number"]: row["rule"] for row in again.rejected.iter_rows(named=True)}
        assert found == {number: rule for number, rule in expected.items() if rule}
        kept = again.records["appointments"]["row_number"].to_list()
        assert sorted([*kept, *found]) == list(range(1, len(rows) + 1))
        assert again.tables["appointments"].height == len(kept)


def original(path):
    return pl.read_csv(path, infer_schema=False).with_columns(pl.all().replace("", None))


def first_rule(table, number, freed):
    for rule in appointment_rules(for_scoring=False):
        met = rule.action is Action.QUARANTINE and table.select(rule.applies.fill_null(value=False)).to_series()
        if rule.action is Action.QUARANTINE and met[number - 1] and (rule.binding or rule.name not in freed):
            return rule.name
    return None


EVERY_RULE = [
    *(("noshow-kaggle", "appointments", rule) for rule in appointment_rules(for_scoring=False)),
    *(("diabetes-130", "encounters", rule) for rule in encounter_rules()),
    *(("csv", table, rule) for table in TABLES for rule in canonical_rules(table, for_scoring=False)),
]
CAN_BE_RELEASED = {
    ("noshow-kaggle", "implausible-age"),
    ("noshow-kaggle", "duplicate-booking"),
    ("diabetes-130", "discharged-hospice"),
    ("csv", "implausible-age"),
}


class TestRulesThatBind:
    def test_only_where_mapping_and_contract_carry_the_row_can_it_be_released(self):
        free = {(source, rule.name) for source, _, rule in EVERY_RULE if rule.action is Action.QUARANTINE
                if not rule.binding}  # fmt: skip
        assert free == CAN_BE_RELEASED

    def test_what_can_be_released_keeps_its_contract(self, tmp_path, appointments, encounters, vault):
        folder = tmp_path / "export"
        folder.mkdir()
        (folder / "appointments.csv").write_text(TOO_OLD)
        (folder / "dataset.yaml").write_text(f"{DATASET}clinic-a")
        cases = [
            ("noshow-kaggle", appointments([OLD, *TWICE]), [1, 3], ["duplicate-booking", "implausible-age"]),
            ("diabetes-130", encounters([{"discharge_disposition_id": "13"}]), [1], ["discharged-hospice"]),
            ("csv", folder, [1], ["implausible-age"]),
        ]
        for source, path, numbers, rules in cases:
            before = published(tmp_path / source, vault, path, source=source)
            release(vault, before, *numbers)
            assert list(published(tmp_path / source, vault, path, source=source).manifest.released) == rules

    @pytest.mark.parametrize(
        ("change", "rule"),
        [
            ({"PatientId": "1E+20"}, "id-lost-digits"),
            ({"ScheduledDay": "yesterday"}, "broken-date"),
            ({"ScheduledDay": "2016-05-09T08:00:00Z"}, "booked-after-day"),
            ({"Age": "-1"}, "negative-age"),
            ({"No-show": "maybe"}, "unknown-status"),
        ],
    )
    def test_a_row_that_they_hold_back_is_refused_with_the_reason(self, tmp_path, appointments, vault, change, rule):
        rows = find_rows(published(tmp_path / "s", vault, appointments([change])), [1])
        with pytest.raises(NotReleasable, match=rule) as refused:
            require_releasable(rows)
        assert binding("noshow-kaggle", "appointments", rule) in str(refused.value)
        assert refused.value.exit_code == 1

    def test_the_dead_stay_out(self, tmp_path, encounters, vault):
        snapshot = published(
            tmp_path / "s", vault, encounters([{"discharge_disposition_id": "11"}, {}]), source="diabetes-130"
        )
        assert [row.rule for row in held_rows(snapshot)] == ["discharged-dead", "after-death"]
        for row in held_rows(snapshot):
            with pytest.raises(NotReleasable):
                require_releasable([row])

    def test_a_decision_that_went_past_the_command_lets_nothing_in(self, tmp_path, appointments, vault):
        path = appointments([{"Age": "-1"}])
        before = published(tmp_path / "s", vault, path)
        Quarantine(vault.engine).release(find_rows(before, [1]), reason=WHY, by="ada")
        assert published(tmp_path / "s", vault, path).manifest == before.manifest

    def test_a_rule_that_is_gone_releases_nothing(self):
        assert "does not know" in binding("noshow-kaggle", "appointments", "a-rule-of-old")

    def test_nothing_is_asked_about_rows_that_no_rule_holds_back(self):
        asked = []
        rows = pl.DataFrame({"id": ["1", "2", "3"]})
        rule = quarantine("two", "it is two", pl.col("id") == "2", binding="")
        sort_out(
            rows, [rule], table="t", key="id", original=rows, passes=lambda name, row: bool(asked.append((name, row)))
        )
        assert asked == [("two", '{"id":"2"}')]


class TestDiscard:
    def test_nothing_opens_the_row_in_any_snapshot(self, tmp_path, appointments, vault):
        row = OLD | {"AppointmentID": "77"}
        first = published(tmp_path / "s", vault, appointments([{}, row]))
        second = published(tmp_path / "s", vault, appointments([row, OLDER]))
        assert open_row(first, find_rows(first, [2])[0], vault)["Age"] == "115"
        discard(vault, first, 2)
        for snapshot, number in ((first, 2), (second, 1)):
            with pytest.raises(RowDiscarded):
                open_row(snapshot, find_rows(snapshot, [number])[0], vault)
        assert open_row(second, find_rows(second, [2])[0], vault)["Age"] == "118"

    def test_the_snapshot_stays_what_it_is(self, tmp_path, appointments, vault):
        snapshot = published(tmp_path / "s", vault, appointments([{}, OLD]))
        kept = {path.name: path.read_bytes() for path in snapshot.folder.iterdir()}
        discard(vault, snapshot, 2)
        snapshot.verify(content=True)
        assert {path.name: path.read_bytes() for path in snapshot.folder.iterdir()} == kept

    def test_the_same_file_gives_the_same_snapshot_and_the_row_stays_discarded(self, tmp_path, appointments, vault):
        path = appointments([{}, OLD])
        first = published(tmp_path / "s", vault, path)
        discard(vault, first, 2)
        again, elsewhere = (published(tmp_path / name, vault, path) for name in ("s", "anew"))
        assert again.manifest == first.manifest
        assert elsewhere.manifest.digest == first.manifest.digest
        assert elsewhere.manifest.quarantined == {"implausible-age": 1}
        assert pl.read_parquet(elsewhere.path(QUARANTINE))["sealed"].to_list() == [None]
        standing = Quarantine(vault.engine).standing()
        assert [standing.of(row) for row in held_rows(elsewhere)] == [State.DISCARDED]
        elsewhere.verify(content=True)

    def test_a_release_ends_with_it(self, tmp_path, appointments, vault):
        path = appointments([{}, OLD])
        first = published(tmp_path / "s", vault, path)
        release(vault, first, 2)
        discard(vault, first, 2)
        assert published(tmp_path / "s", vault, path).manifest == first.manifest


class TestLookingUp:
    def test_a_row_says_what_the_file_said(self, tmp_path, appointments, vault):
        snapshot = published(tmp_path / "s", vault, appointments([{}, OLD]))
        (row,) = held_rows(snapshot)
        assert (row.table, row.row_number, row.rule) == ("appointments", 2, "implausible-age")
        assert open_row(snapshot, row, vault)["PatientId"] == "5"

    def test_a_row_that_is_not_held_back_is_not_found(self, tmp_path, appointments, vault):
        with pytest.raises(RowNotHeld):
            find_rows(published(tmp_path / "s", vault, appointments([{}, OLD])), [1])

    def test_a_number_of_two_tables_needs_the_table(self, tmp_path, vault):
        folder = tmp_path / "export"
        folder.mkdir()
        (folder / "appointments.csv").write_text(TOO_OLD)
        (folder / "patients.csv").write_text("patient_id,sex\n2,unheard-of\n")
        (folder / "dataset.yaml").write_text(f"{DATASET}clinic-a")
        snapshot = published(tmp_path / "s", vault, folder, source="csv")
        with pytest.raises(WhichTable, match="--table"):
            find_rows(snapshot, [1])
        assert [row.rule for row in find_rows(snapshot, [1], table="patients")] == ["unknown-code"]

    def test_a_quarantine_of_an_older_form_says_what_to_do(self, tmp_path, appointments, vault):
        snapshot = published(tmp_path / "s", vault, appointments([OLD]))
        path = snapshot.path(QUARANTINE)
        pl.read_parquet(path).drop("key").write_parquet(path)
        files = {**snapshot.manifest.files, path.name: file_digest(path)}
        with pytest.raises(NoKeys, match="ingest its source again"):
            held_rows(replace(snapshot, manifest=replace(snapshot.manifest, files=files)))

    def test_names_of_keys_that_were_swapped_are_found_out(self, tmp_path, appointments, vault):
        snapshot = published(tmp_path / "s", vault, appointments([OLD, OLDER]))
        path = snapshot.path(QUARANTINE)
        pl.read_parquet(path).with_columns(pl.col("key").reverse()).write_parquet(path)
        with pytest.raises(SnapshotChanged):
            find_rows(snapshot, [1])

    def test_a_manifest_without_releases_is_read_as_before(self, tmp_path, appointments, vault):
        snapshot = published(tmp_path / "s", vault, appointments([OLD]))
        manifest = snapshot.folder / "manifest.json"
        said = json.loads(manifest.read_text())
        del said["released"]
        manifest.write_text(json.dumps(said))
        again = published(tmp_path / "s", vault, appointments([OLD]))
        assert again.manifest == snapshot.manifest


class TestSecrecy:
    def test_a_snapshot_and_the_ledger_hold_no_value_of_a_row_held_back(self, tmp_path, appointments, vault):
        row = OLD | {"PatientId": "4711471147114711", "AppointmentID": "815815815"}
        snapshot = published(tmp_path / "s", vault, appointments([{}, row]))
        release(vault, snapshot, 2)
        discard(vault, snapshot, 2)
        vault.engine.dispose()
        kept = b"".join(path.read_bytes() for path in (*snapshot.folder.iterdir(), *(tmp_path / "home").iterdir()))
        assert b"4711471147114711" not in kept
        assert b"815815815" not in kept
        (key,) = pl.read_parquet(snapshot.path(QUARANTINE))["key"]
        with vault.engine.connect() as connection:
            mark = connection.execute(text("SELECT mark FROM quarantine")).scalar_one()
        assert mark.encode() not in b"".join(path.read_bytes() for path in snapshot.folder.iterdir())
        assert len(key) == 16
