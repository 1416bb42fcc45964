"""The worker runs our flows, and nothing that a deployment, a job variable or a work pool says besides."""

from __future__ import annotations

import base64
import json
import os
import pickle
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
from prefect import __version__ as prefect_version

from caregate.settings import Settings
from flows.acting import OutsideExchange, reachable, started_by
from flows.environment import POOL
from flows.execute import execute
from flows.ours import OURS, NotOurs, entrypoint_of, flow_named
from registry.authorship import Author
from registry.launch import home_environment
from tests.flows.prefect_user import PATIENCE, Prefect


@pytest.fixture(scope="module")
def prefect(prefect_server: str) -> Prefect:
    return Prefect(prefect_server)


@pytest.fixture(scope="module")
def worker(home: Settings, prefect: Prefect, prefect_server: str) -> Iterator[subprocess.Popen[bytes]]:
    """Our worker, on a real server, as `caregate up` starts it."""
    environment = os.environ | home_environment(home) | {"PREFECT_API_URL": prefect_server}
    environment |= {"PREFECT_WORKER_QUERY_SECONDS": "1", "PREFECT_LOGGING_LEVEL": "INFO"}
    with (home.home / "worker.log").open("wb") as log:
        started = subprocess.Popen([sys.executable, "-m", "flows.worker"], env=environment, stdout=log, stderr=log)
    deadline = time.monotonic() + PATIENCE
    while not prefect.ask("POST", "/work_pools/filter", work_pools={"name": {"any_": [POOL]}}):
        assert started.poll() is None, (home.home / "worker.log").read_text(encoding="utf-8")
        assert time.monotonic() < deadline
        time.sleep(0.1)
    yield started
    started.terminate()
    started.wait(30)


def promote_nothing() -> dict[str, Any]:
    """Return parameters of a run that ends soon: there is no such version."""
    return {"parameters": {"model": "no-show", "version": 99}}


class TestOurFlows:
    def test_are_named_by_their_files(self) -> None:
        assert {flow_named(name).name for name in OURS} == set(OURS)
        with pytest.raises(NotOurs):
            entrypoint_of("os")

    def test_leave_no_result_where_a_user_of_prefect_wants_them(self) -> None:
        assert [flow_named(name).persist_result for name in OURS] == [False] * len(OURS)

    def test_are_run_to_their_end_and_cancelled_where_prefect_says_so(
        self, prefect: Prefect, worker: subprocess.Popen[bytes]
    ) -> None:
        deployment = prefect.deploy_to_pool("ingest")
        short, long = (
            prefect.start(deployment, parameters={"source": "synthetic", "rows": rows}) for rows in (5_000, 3_000_000)
        )
        prefect.wait_for(long, "RUNNING")
        prefect.ask("POST", f"/flow_runs/{long}/set_state", state={"type": "CANCELLING"})
        assert prefect.end_of(long)[0] == "CANCELLED"
        assert prefect.end_of(short)[0] == "COMPLETED"

    def test_have_no_other_parameters(self, prefect: Prefect, worker: subprocess.Popen[bytes]) -> None:
        given = {"parameters": {"model": "no-show", "version": 1, "by": "rita"}}
        state, why = prefect.end_of(prefect.start(prefect.deploy_to_pool("promote"), **given))
        assert (state, "no other parameters" in why) == ("FAILED", True)


class TestNothingElseRuns:
    def test_no_command_environment_folder_or_step_of_deployment_run_or_work_pool(
        self, prefect: Prefect, worker: subprocess.Popen[bytes], tmp_path: Path
    ) -> None:
        open_the_template(prefect, command=f"touch {tmp_path / 'by-template'}")
        steps = [{"prefect.deployments.steps.run_shell_script": {"script": f"touch {tmp_path / 'by-step'}"}}]
        deployment = prefect.deploy_to_pool(
            "promote", pull_steps=steps, job_variables=variables(tmp_path, "by-deployment")
        )
        run = prefect.start(deployment, job_variables=variables(tmp_path, "by-run"), **promote_nothing())
        state, why = prefect.end_of(run)
        assert (state, "99" in why) == ("FAILED", True), "it ended as our own flow does: there is no such version"
        assert sorted(path.name for path in tmp_path.glob("by-*")) == []

    def test_no_foreign_file_and_no_flow_of_another_name(
        self, prefect: Prefect, worker: subprocess.Popen[bytes], tmp_path: Path
    ) -> None:
        foreign = foreign_flow(tmp_path, "by-file")
        tried = [
            prefect.deploy_to_pool("promote", entrypoint=foreign, path=str(tmp_path)),
            prefect.deploy_to_pool("steal", entrypoint=foreign),
            prefect.deploy_to_pool("steal", entrypoint="flows/promote.py:promote"),
        ]
        for run in [prefect.start(deployment, **promote_nothing()) for deployment in tried]:
            state, why = prefect.end_of(run)
            assert (state, "the worker runs the flows" in why) == ("CRASHED", True), why
        assert sorted(path.name for path in tmp_path.glob("by-*")) == []

    def test_no_flow_without_a_deployment(self, prefect: Prefect, worker: subprocess.Popen[bytes]) -> None:
        flow = prefect.ask("POST", "/flows/", name="promote")["id"]
        scheduled = {"type": "SCHEDULED"}
        made = prefect.ask("POST", "/flow_runs/", flow_id=flow, state=scheduled, work_pool_name=POOL)
        state, why = prefect.end_of(made["id"])
        assert (state, "the worker runs the flows" in why) == ("CRASHED", True), why

    def test_no_result_that_a_state_of_the_server_points_to(
        self, home: Settings, prefect: Prefect, tmp_path: Path
    ) -> None:
        witness = tmp_path / "by-result"
        run = prefect.start(prefect.deploy("promote"), **promote_nothing())
        prefect.ask("POST", f"/flow_runs/{run}/set_state", state=ended_with(prefect, witness), force=True)
        execute(UUID(run))
        assert not witness.exists()


class TestWhatPrefectStarted:
    """Reads and writes in the exchange folder alone: its users have one password, and no names."""

    @pytest.mark.parametrize(
        ("flow", "parameters"),
        [
            ("ingest", {"source": "csv", "location": "{home}/secrets.toml"}),
            ("ingest", {"source": "csv", "location": "../secrets.toml"}),
            ("ingest", {"source": "csv", "location": "leads-out/secrets.toml"}),
            ("ingest", {"source": "parquet", "location": "."}),
            ("score", {"model": "no-show", "location": "/etc/passwd", "output": "out.csv", "source": "csv"}),
            ("score", {"model": "no-show", "location": "in.csv", "output": "../approved/out.csv", "source": "csv"}),
            ("score", {"model": "no-show", "location": "in.csv", "output": "{home}/ledger.csv", "source": "csv"}),
        ],
    )
    def test_stays_there(self, home: Settings, prefect_server: str, flow: str, parameters: dict[str, str]) -> None:
        home.exchange_dir.mkdir(exist_ok=True)
        if not (home.exchange_dir / "leads-out").exists():
            (home.exchange_dir / "leads-out").symlink_to(home.home)
        said = {name: value.format(home=home.home) for name, value in parameters.items()}
        with pytest.raises(OutsideExchange):
            flow_named(flow)(**said)

    def test_is_not_held_to_it_at_the_command_line(self, home: Settings, ada: Author, tmp_path: Path) -> None:
        with started_by(ada):
            assert reachable(home, str(tmp_path)) == str(tmp_path)


def variables(folder: Path, witness: str) -> dict[str, Any]:
    """Return job variables that would leave the file `witness` in `folder`, each in its way."""
    foreign = foreign_flow(folder, witness)
    return {
        "command": f"touch {folder / witness}",
        "env": {"PREFECT__FLOW_ENTRYPOINT": foreign, "PYTHONPATH": str(folder), "PYTHONSTARTUP": foreign},
        "working_dir": str(folder),
    }


def foreign_flow(folder: Path, witness: str) -> str:
    """Write a flow that is not ours and leaves the file `witness`, and return its entrypoint."""
    file = folder / f"foreign_{witness.replace('-', '_')}.py"
    leave = f"open({str(folder / witness)!r}, 'w').close()\n"
    flow = "from prefect import flow\n@flow(name='promote')\ndef promote(model='', version=0): pass\n"
    for path in (file, folder / "sitecustomize.py"):
        path.write_text(leave + flow, encoding="utf-8")
    return f"{file}:promote"


def open_the_template(prefect: Prefect, **defaults: str) -> None:
    """Change the pool's template to that of Prefect's process worker, as a user of Prefect can."""
    names = ("command", "env", "working_dir")
    template = {
        "job_configuration": {name: f"{{{{ {name} }}}}" for name in names} | defaults,
        "variables": {"type": "object", "properties": {name: {"title": name} for name in names}},
    }
    prefect.ask("PATCH", f"/work_pools/{POOL}", base_job_template=template)


class Trap:
    """Leaves a file where it is unpickled."""

    def __init__(self, witness: Path) -> None:
        self.witness = witness

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (self.witness,)


def ended_with(prefect: Prefect, witness: Path) -> dict[str, Any]:
    """Return a state that says that a run ended, and whose result is a pickle in a place that the attacker chose."""
    kind = prefect.ask("GET", "/block_types/slug/local-file-system")["id"]
    [schema] = prefect.ask("POST", "/block_schemas/filter", block_schemas={"block_type_id": {"any_": [kind]}}, limit=1)
    place = {"name": f"place-{uuid4().hex[:8]}", "data": {"basepath": str(witness.parent)}}
    block = prefect.ask("POST", "/block_documents/", block_type_id=kind, block_schema_id=schema["id"], **place)
    serializer = {"type": "pickle"}
    metadata = {"storage_key": "trap", "serializer": serializer, "storage_block_id": block["id"]}
    metadata |= {"expiration": None, "prefect_version": prefect_version}
    result = {"metadata": metadata, "result": base64.b64encode(pickle.dumps(Trap(witness))).decode()}
    (witness.parent / "trap").write_text(json.dumps(result), encoding="utf-8")
    return {"type": "COMPLETED", "name": "Completed", "data": metadata}
