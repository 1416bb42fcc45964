"""Rows by token: built once for a home whoever comes first or dies, and gone when nobody reads them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from datetime import date, datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from crm.tables import TABLES
from serving.known.online_index import open_store, remove_unused

NAME, NONE = "0" * 32, frozenset()
KEYS = {"appointments": ("appointment_id", "booked_at", "day")}
ROWS = [
    ("a-1", "p-2", datetime(1969, 12, 31, 23, 59, 59, 5), date(2026, 1, 2), None, None),  # noqa: DTZ001
    ("a-2", "p-1", datetime(2026, 1, 1, 9), date(1969, 12, 31), True, "nörth"),  # noqa: DTZ001
    ("a-3", "p-2", datetime(2026, 1, 1, 9), date(2026, 1, 2), False, "south"),  # noqa: DTZ001
]
NAMES = ("appointment_id", "patient_id", "booked_at", "day", "welfare", "site")
BUILD = """
import os, signal, sys
from pathlib import Path
from serving.known import online_index
files, root, dies = {"appointments": Path(sys.argv[1])}, Path(sys.argv[2]), sys.argv[3] == "dies"
if dies:
    online_index._write_index = lambda *_: os.kill(os.getpid(), signal.SIGKILL)
store = online_index.open_store(root, "0" * 32, files, {}, threads=1, memory_limit_gb=0.1)
print(store.place("appointments", "patient_id", "p-2"))
"""


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    file = tmp_path_factory.mktemp("snapshot") / "appointments.parquet"
    rows = [dict(zip(NAMES, row, strict=True)) | {"status": "booked"} for row in ROWS]
    pq.write_table(pa.Table.from_pylist(rows, TABLES["appointments"]), file)
    return {"appointments": file}


@pytest.fixture
def opened(files, tmp_path):
    def open_(name=NAME, keys=KEYS):
        return open_store(tmp_path / "rows", name, files, keys, threads=1, memory_limit_gb=0.1)

    return open_


def folders(root):
    return sorted(path.name.rpartition("-")[0] for path in root.iterdir() if path.is_dir())


def build(files, root, *, dies=False):
    arguments = [str(files["appointments"]), str(root), "dies" if dies else "lives"]
    return subprocess.Popen(
        [sys.executable, "-c", BUILD, *arguments], stdout=subprocess.PIPE, cwd=Path(__file__).parents[2]
    )


class TestRowsByToken:
    def test_rows_of_a_patient_come_in_the_order_of_the_snapshot(self, opened):
        find = opened().finder("appointments", "patient_id", ("appointment_id", "welfare", "site"))
        assert find("p-2", NONE) == [("a-1", None, None), ("a-3", 0, "south")]
        assert find("p-1", NONE) == [("a-2", 1, "nörth")]
        assert find("p-0", NONE) == find("p-9", NONE) == find(None, NONE) == []

    def test_moments_and_days_are_counted_from_1970(self, opened):
        store = opened()
        assert store.finder("appointments", "appointment_id", ("booked_at", "day"))("a-1", NONE) == [(-999_995, 20_455)]
        same = store.finder("appointments", "booked_at", ("appointment_id",))
        assert sorted(same(1_767_258_000_000_000, NONE)) == [("a-2",), ("a-3",)]
        assert store.finder("appointments", "day", ())(-1, NONE) == [()]

    def test_rows_at_given_places_are_left_out(self, opened):
        store = opened()
        place = store.place("appointments", "appointment_id", "a-1")
        find = store.finder("appointments", "patient_id", ("appointment_id",))
        assert find("p-2", frozenset({place})) == [("a-3",)]
        assert find("p-1", frozenset({place})) == [("a-2",)]
        assert store.place("appointments", "appointment_id", "a-9") is None

    def test_a_table_that_the_snapshot_lacks_has_no_rows(self, opened):
        store = opened()
        assert store.finder("patients", "patient_id", ("sex",))("p-1", NONE) == []
        assert store.place("patients", "patient_id", "p-1") is None
        assert store.words("patients", "sex") == frozenset()


class TestTheFolder:
    def test_it_is_built_once(self, opened, tmp_path):
        opened()
        [folder] = [path for path in (tmp_path / "rows").iterdir() if path.is_dir()]
        built = folder.stat().st_ino
        opened()
        assert folder.stat().st_ino == built

    def test_other_keys_make_another(self, opened, tmp_path):
        opened()
        opened(keys={"appointments": ("site",)})
        assert folders(tmp_path / "rows") == [NAME, NAME]

    def test_two_processes_build_it_once_after_a_third_was_killed_at_it(self, files, tmp_path):
        root = tmp_path / "rows"
        killed = build(files, root, dies=True)
        killed.communicate()
        assert killed.returncode == -signal.SIGKILL
        assert [path.name[:9] for path in root.iterdir() if path.is_dir()] == [".partial-"]
        both = [build(files, root), build(files, root)]
        assert [process.communicate()[0].strip() for process in both] == [b"1", b"1"]
        assert folders(root) == [NAME]

    def test_what_nobody_reads_is_removed(self, opened, tmp_path):
        read, root = opened("1" * 32), tmp_path / "rows"
        opened("2" * 32)
        opened("3" * 32)
        remove_unused(root, keep={"3" * 32})
        assert folders(root) == ["1" * 32, "3" * 32]
        assert read.finder("appointments", "patient_id", ("appointment_id",))("p-1", NONE) == [("a-2",)]

    def test_it_is_the_owner_s_alone(self, opened, tmp_path):
        opened()
        assert {oct(path.stat().st_mode & 0o777) for path in (tmp_path / "rows").iterdir() if path.is_dir()} == {
            "0o700"
        }
        assert os.access(tmp_path / "rows", os.W_OK)
