"""Snapshots: named by what they say, written whole or not at all."""

from __future__ import annotations

import hashlib
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from caregate.clock import fixed_clock
from crm.canonical import conform
from crm.content_digest import content_digest
from crm.deidentify import SEALED, deidentify
from crm.snapshot import SnapshotChanged, SnapshotNotFound, latest, open_snapshot, publish
from crm.source import Draft, make_source
from crm.tables import TABLES
from governance.vault import Vault

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
CLOCK = fixed_clock(NOON)
PEOPLE = [
    {"PatientId": str(100 + place // 2), "Age": str(20 + place), "SMS_received": str(place % 2)} for place in range(9)
]


def drafted(path: Path, vault: Vault, owner: str = "owner") -> Draft:
    return deidentify(make_source("noshow-kaggle").read(str(path)), vault, owner=owner)


@pytest.fixture
def draft(appointments, vault) -> Draft:
    return drafted(appointments([*PEOPLE, {"Age": "-1"}]), vault)


class TestPublishing:
    def test_writes_every_table_and_the_quarantine_with_a_manifest(self, tmp_path, draft):
        snapshot = publish(tmp_path / "snapshots", draft, clock=CLOCK)
        names = {path.name for path in snapshot.folder.iterdir()}
        assert names == {*(f"{name}.parquet" for name in TABLES), "quarantine.parquet", "manifest.json"}
        manifest = snapshot.manifest
        assert dict(manifest.tables) == {
            "patients": 5,
            "appointments": 9,
            "encounters": 0,
            "consents": 0,
            "contacts": 4,
        }
        assert (manifest.quarantined, manifest.basis, manifest.owner) == ({"negative-age": 1}, "public", "owner")
        assert manifest.created_at == "2026-11-22T12:00:00.000000+00:00"
        assert snapshot.folder.name == manifest.digest.removeprefix("sha256:")

    def test_writes_exactly_the_canonical_schemas_in_the_order_of_the_source(self, tmp_path, draft):
        snapshot = publish(tmp_path / "snapshots", draft, clock=CLOCK)
        for name, schema in TABLES.items():
            assert pq.read_schema(snapshot.path(name)).equals(schema)
        assert pl.read_parquet(snapshot.path("appointments"))["age"].to_list() == list(range(20, 29))

    def test_the_same_draft_is_published_once(self, tmp_path, draft):
        first = publish(tmp_path / "snapshots", draft, clock=CLOCK)
        written = {path.name: path.stat().st_mtime_ns for path in first.folder.iterdir()}
        again = publish(tmp_path / "snapshots", draft, clock=fixed_clock(NOON + timedelta(days=1)))
        assert again == first
        assert {path.name: path.stat().st_mtime_ns for path in first.folder.iterdir()} == written

    def test_holds_no_identifier(self, tmp_path, draft):
        snapshot = publish(tmp_path / "snapshots", draft, clock=CLOCK)
        for path in snapshot.folder.glob("*.parquet"):
            cells = pl.read_parquet(path).select(pl.col(pl.String)).unpivot()["value"].drop_nulls()
            assert not cells.str.contains(r"^(10\d|50000\d\d)").any()

    def test_is_readable_by_its_owner_alone(self, tmp_path, draft):
        snapshot = publish(tmp_path / "snapshots", draft, clock=CLOCK)
        assert snapshot.folder.stat().st_mode & 0o077 == 0


class TestDigest:
    def test_is_the_same_in_two_homes_though_their_tokens_differ(self, tmp_path, appointments, new_vault):
        path = appointments(PEOPLE)
        here, there = (publish(tmp_path / home / "s", drafted(path, new_vault(home)), clock=CLOCK) for home in "ab")
        tokens = [pl.read_parquet(snapshot.path("patients"))["patient_id"].to_list() for snapshot in (here, there)]
        assert not set(tokens[0]) & set(tokens[1])
        assert here.manifest.digest == there.manifest.digest

    def test_does_not_depend_on_chunks_slices_or_what_lies_under_a_null(self, draft):
        frame = draft.tables["appointments"]
        chunked = pl.concat([frame.slice(place, 1) for place in range(frame.height)], rechunk=False)
        masked = chunked.with_columns(pl.when(pl.col("site") == "x").then(pl.col("starts_at")).alias("starts_at"))
        assert digest_of(draft.tables) == digest_of({**draft.tables, "appointments": masked})

    def test_covers_joins_between_tables(self, draft):
        contacts = draft.tables["contacts"]
        turned = contacts.with_columns(pl.col("appointment_id").reverse())
        assert digest_of(draft.tables) != digest_of({**draft.tables, "contacts": turned})

    def test_covers_the_order_of_rows(self, draft):
        turned = draft.tables["appointments"].reverse()
        assert digest_of(draft.tables) != digest_of({**draft.tables, "appointments": turned})

    def test_covers_basis_owner_and_counts(self, tmp_path, appointments, vault):
        path = appointments(PEOPLE)
        roots = [publish(tmp_path / "s", drafted(path, vault, owner), clock=CLOCK) for owner in ("one", "two")]
        assert roots[0].manifest.digest != roots[1].manifest.digest

    @settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
    @given(data=st.data())
    def test_changes_with_any_cell(self, draft, data):
        table = data.draw(st.sampled_from(["appointments", "patients", "contacts"]))
        frame = draft.tables[table]
        column = data.draw(st.sampled_from(frame.columns))
        row = data.draw(st.integers(0, frame.height - 1))
        assert digest_of(draft.tables) != digest_of({**draft.tables, table: with_other_value(frame, column, row)})

    @pytest.mark.parametrize(("one", "other"), [(["ab", "c"], ["a", "bc"]), (["", "a"], [None, "a"])])
    def test_tells_apart_texts_that_run_together(self, one, other):
        frames = [
            conform(pl.DataFrame({"patient_id": ["x", "y"], "race": values}), "patients") for values in (one, other)
        ]
        assert digest_of({"patients": frames[0]}) != digest_of({"patients": frames[1]})

    def test_of_nothing_is_a_digest(self):
        assert digest_of({}).startswith("sha256:")


def digest_of(tables: dict[str, pl.DataFrame]) -> str:
    return content_digest(tables, pl.DataFrame(schema=SEALED), {})


def with_other_value(frame: pl.DataFrame, column: str, row: int) -> pl.DataFrame:
    values = frame[column].to_list()
    if column.endswith("_id"):  # a token's text is chance: what counts is whose it is
        values[row] = next(token for token in values if token != values[row])
        return frame.with_columns(pl.Series(column, values))
    others = {str: "another", bool: not values[row], int: 77}
    moved = values[row] + timedelta(days=1) if hasattr(values[row], "year") else others.get(type(values[row]))
    if values[row] is None:
        moved = {pl.Datetime("us"): NOON.replace(tzinfo=None), pl.String(): "was null"}[frame.schema[column]]
    values[row] = moved
    return frame.with_columns(pl.Series(column, values, dtype=frame.schema[column]))


class TestOpening:
    def test_by_digest_prefix_or_with_its_scheme(self, tmp_path, draft):
        snapshot = publish(tmp_path, draft, clock=CLOCK)
        digest = snapshot.manifest.digest
        for reference in (digest, digest[7:], digest[7:15], digest[7:15].upper()):
            assert open_snapshot(tmp_path, reference) == snapshot

    @pytest.mark.parametrize("reference", ["", "abc", "../../etc", "sha256:", "00000000", "zzzzzzzzzz"])
    def test_refuses_what_names_no_snapshot(self, tmp_path, draft, reference):
        publish(tmp_path, draft, clock=CLOCK)
        with pytest.raises(SnapshotNotFound):
            open_snapshot(tmp_path, reference)

    def test_the_latest_is_the_newest_that_holds_rows_of_the_table(self, tmp_path, appointments, encounters, vault):
        old, new = (drafted(appointments(PEOPLE[:count]), vault) for count in (3, 4))
        raw = make_source("diabetes-130").read(str(encounters([{}])))
        other = deidentify(raw, vault, owner="owner")
        publish(tmp_path, new, clock=fixed_clock(NOON + timedelta(days=1)))
        publish(tmp_path, old, clock=CLOCK)
        publish(tmp_path, other, clock=fixed_clock(NOON + timedelta(days=2)))
        assert latest(tmp_path, "appointments").manifest.tables["appointments"] == 4
        assert latest(tmp_path, "encounters").manifest.source == "diabetes-130"
        with pytest.raises(SnapshotNotFound, match="run `caregate ingest` first"):
            latest(tmp_path, "consents")

    def test_nothing_is_there_before_the_first(self, tmp_path):
        with pytest.raises(SnapshotNotFound):
            latest(tmp_path / "absent", "appointments")

    def test_a_manifest_that_cannot_be_read_is_told(self, tmp_path, draft):
        snapshot = publish(tmp_path, draft, clock=CLOCK)
        (snapshot.folder / "manifest.json").write_text("{}")
        with pytest.raises(SnapshotChanged, match="manifest"):
            open_snapshot(tmp_path, snapshot.manifest.digest)


class TestVerifying:
    def test_holds_for_what_was_published(self, tmp_path, draft):
        publish(tmp_path, draft, clock=CLOCK).verify(content=True)

    def test_finds_a_changed_or_missing_file(self, tmp_path, draft):
        snapshot = publish(tmp_path, draft, clock=CLOCK)
        path = snapshot.path("contacts")
        path.write_bytes(path.read_bytes() + b"\0")
        with pytest.raises(SnapshotChanged, match=r"contacts\.parquet was changed"):
            snapshot.verify()
        path.unlink()
        with pytest.raises(SnapshotChanged, match=r"contacts\.parquet is missing"):
            snapshot.verify()

    def test_finds_who_changed_the_manifest_too(self, tmp_path, draft):
        snapshot = publish(tmp_path, draft, clock=CLOCK)
        path = snapshot.path("appointments")
        table = pl.read_parquet(path).with_columns(pl.lit("noshow").alias("status")).to_arrow()
        pq.write_table(table.cast(TABLES["appointments"]), path)
        manifest = snapshot.folder / "manifest.json"
        said = json.loads(manifest.read_text())
        said["files"]["appointments.parquet"] = "sha256:" + hashlib.sha256(path.read_bytes()).hexdigest()
        manifest.write_text(json.dumps(said))
        changed = open_snapshot(tmp_path, snapshot.manifest.digest)
        changed.verify()
        with pytest.raises(SnapshotChanged, match="content"):
            changed.verify(content=True)
