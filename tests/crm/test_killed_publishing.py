"""Publishing killed at any step: nothing half is left, and the next run ends in the same state."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest

from caregate.clock import system_clock
from crm.deidentify import deidentify
from crm.snapshot import latest, publish
from crm.source import Draft, make_source

PEOPLE = [{"PatientId": str(100 + place // 2), "Age": str(20 + place)} for place in range(9)]

KILLED = """
import os, signal, sys
from pathlib import Path
import crm.snapshot, crm.atomic_folder
from caregate.clock import system_clock
from crm.deidentify import deidentify
from crm.source import make_source
from crm.snapshot import publish
from governance.database import migrate, open_database
from governance.vault import Vault

root, path, step = Path(sys.argv[1]), sys.argv[2], sys.argv[3]

def die(*_, **__):
    os.kill(os.getpid(), signal.SIGKILL)

if step == "while-writing":
    written = crm.snapshot.pq.write_table
    def write(table, place, **given):
        written(table, place, **given)
        if place.name == "encounters.parquet":
            die()
    crm.snapshot.pq.write_table = write
elif step == "before-the-manifest":
    crm.snapshot.Manifest = die
elif step == "before-the-flush":
    crm.atomic_folder._flush = die
elif step == "before-the-rename":
    Path.rename = die
elif step == "after-the-rename":
    crm.atomic_folder._flush_entry = lambda path: die() if path == root / "snapshots" else None
url = f"sqlite:///{root / 'ledger.db'}"
migrate(url)
vault = Vault(open_database(url), bytes(range(64)))
draft = deidentify(make_source("noshow-kaggle").read(path), vault, owner="owner")
publish(root / "snapshots", draft, clock=system_clock)
"""


class TestKilled:
    @pytest.mark.parametrize(
        "step", ["while-writing", "before-the-manifest", "before-the-flush", "before-the-rename", "after-the-rename"]
    )
    def test_leaves_nothing_half_and_the_next_run_ends_in_the_same_state(
        self, tmp_path, appointments, run_killed, step
    ):
        path = appointments(PEOPLE)
        root = tmp_path / "snapshots"
        assert run_killed(tmp_path, path, step) == -signal.SIGKILL
        assert len(whole(root)) == (1 if step == "after-the-rename" else 0)
        assert run_killed(tmp_path, path, "never") == 0
        assert len(whole(root)) == 1
        assert not list(root.glob(".partial-*"))
        latest(root, "appointments").verify(content=True)

    def test_a_failing_writer_leaves_nothing_either(self, tmp_path, appointments, vault):
        draft = deidentify(make_source("noshow-kaggle").read(str(appointments(PEOPLE))), vault, owner="owner")
        broken = Draft(**{**vars(draft), "tables": {"patients": pl.DataFrame({"patient_id": [None]})}})
        with pytest.raises(ValueError, match="null"):
            publish(tmp_path / "snapshots", broken, clock=system_clock)
        assert [path.name for path in (tmp_path / "snapshots").iterdir()] == [".lock"]


def whole(root: Path) -> list[Path]:
    return [path for path in root.iterdir() if not path.name.startswith(".")]


@pytest.fixture
def run_killed() -> Callable[[Path, Path, str], int]:
    def run(root: Path, path: Path, step: str) -> int:
        command = [sys.executable, "-c", KILLED, str(root), str(path), step]
        return subprocess.run(command, check=False, env=dict(os.environ)).returncode

    return run
