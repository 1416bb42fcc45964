"""A run that is killed at any step and started again ends in the same state: nothing half, nothing twice."""

from __future__ import annotations

import json

import pytest

from caregate.home import make_home
from caregate.settings import Settings, load_settings
from crm.snapshot import open_snapshot
from governance.database import ledger_database, open_database
from governance.ledger import Ledger
from registry.connection import open_registry
from registry.versions import versions_of
from tests.e2e.commands import caregate, kill_after

INGEST = ("ingest", "synthetic", "--rows", "12000")
RUN = ("run", "no-show")


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    settings = load_settings(home=tmp_path_factory.mktemp("killed") / "home", user="ada")
    make_home(settings)
    return settings


def leftovers(settings: Settings) -> list[str]:
    return [str(path) for path in settings.home.rglob(".partial-*")]


class TestIngest:
    def test_killed_at_each_step_it_ends_in_one_snapshot(self, home: Settings, prefect_server: str) -> None:
        for step in ("reading", "exchanging", "checking contracts", "publishing"):
            assert kill_after(step, home.home, *INGEST, PREFECT_API_URL=prefect_server)
            whole = [path.parent.name for path in home.snapshots_dir.glob("*/manifest.json")]
            for digest in whole:
                open_snapshot(home.snapshots_dir, digest).verify(content=True)
        done = caregate(home.home, *INGEST, "--json", PREFECT_API_URL=prefect_server)
        assert done.returncode == 0, done.stderr
        digest = json.loads(done.stdout)["digest"]
        assert [path.parent.name for path in home.snapshots_dir.glob("*/manifest.json")] == [digest[7:]]
        ledger = Ledger(ledger_database(home))
        assert [act.digest for act in ledger.read(action="snapshot.publish")] == [digest]
        assert not leftovers(home)


class TestRun:
    def test_killed_at_each_step_it_ends_in_one_version(self, home: Settings, prefect_server: str) -> None:
        for step in ("starting", "checking", "building", "fitting", "judging"):
            assert kill_after(step, home.home, *RUN, PREFECT_API_URL=prefect_server)
        for _ in range(2):  # and a run that was not killed changes nothing when it is run again
            done = caregate(home.home, *RUN, "--json", PREFECT_API_URL=prefect_server)
            assert done.returncode == 0, done.stderr
            assert [item["version"] for item in json.loads(done.stdout)] == [1]
        assert len(versions_of(open_database(home.registry_url), "no-show")) == 1
        assert number_of_runs(home) == 1
        assert not leftovers(home)
        assert Ledger(ledger_database(home)).verify() > 0


def number_of_runs(settings: Settings) -> int:
    with open_registry(settings, account="pipeline") as registry:
        experiment = registry.tracking.get_experiment_by_name("no-show")
        return len(registry.tracking.search_runs([experiment.experiment_id], "", 1))
