"""What Caregate adds to a request of the MLflow server: ``python -m benchmarks.mlflow_latency [--pairs N]``.

The peer is stock MLflow with its own basic-auth app, one worker and a sign-in cache of a minute, on a copy of the same
database, sign-ins and artifacts. Each request is sent to both, one after the other, in an order drawn by lot, from one
client that keeps its connections. Figures are ratios with 95% bounds by a bootstrap of the pairs: of medians, of 95th
percentiles, and of the processor seconds of the server's processes, which suffer less from what else runs.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import numpy as np
from numpy.typing import NDArray

from benchmarks.mlflow_pair import Server, filled_home, running_caregate, running_postgresql, running_stock
from benchmarks.small_versions import MODEL
from caregate.settings import Settings
from governance.database import open_database
from registry.artifacts import path_of
from registry.names import PIPELINE
from registry.registering import Registered
from registry.versions import read_version

VERSIONS, WARM_UP, BLOCKS, DRAWS, SEED = 20, 30, 10, 2000, 0
AJAX, REVIEWER = "/ajax-api/2.0/mlflow", "reviewer"
REPORT = "evidence/report.html"
RUN_QUERY = """query GetRun($data: MlflowGetRunInput!) {
  mlflowGetRun(input: $data) {
    apiError { helpUrl code message }
    run {
      info { runName status runUuid experimentId artifactUri endTime lifecycleStage startTime userId }
      experiment { experimentId name tags { key value } artifactLocation lifecycleStage lastUpdateTime }
      modelVersions { status version name source }
      data { metrics { key value step timestamp } params { key value } tags { key value } }
    }
  }
}"""

Samples = NDArray[np.float64]
Figure = Callable[[Samples], Samples]
Call = Callable[[httpx.Client, int], httpx.Response]


@dataclass(frozen=True)
class Route:
    """One kind of request."""

    name: str
    account: str
    call: Call


@dataclass(frozen=True)
class Timed:
    """Seconds of each request, and processor seconds of each block; first ours, then the peer's."""

    wall: Samples
    processor: Samples


def main() -> None:
    """Print a table for each database."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pairs", type=int, default=300, help="requests of each kind to each server")
    parser.add_argument("--database", choices=["sqlite", "postgresql"], default="sqlite")
    parser.add_argument("--write-ahead", action="store_true", help="keep the peer's SQLite as a home keeps its own")
    parser.add_argument("--only", default="", help="those requests alone whose name holds this")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(dir="/tmp") as folder, ExitStack() as open_things:
        Path(folder).chmod(0o755)
        on_postgresql = given.database == "postgresql"
        addresses = open_things.enter_context(running_postgresql(Path(folder))) if on_postgresql else None
        home = filled_home(Path(folder), VERSIONS, addresses)
        ours = open_things.enter_context(running_caregate(home))
        peer = open_things.enter_context(running_stock(home, Path(folder) / "peer", write_ahead=given.write_ahead))
        journal = ", the peer's journal as here" if given.write_ahead else ""
        load = f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}"
        print(f"\n{given.database}{journal}, {given.pairs} pairs, {load}")
        routes = [*_reading(home.settings, home.versions[-1]), *_writing(home.versions[-1])]
        _print_routes([route for route in routes if given.only in route.name], ours, peer, given.pairs)
        _print_verdicts(ours, home.versions)


def _reading(settings: Settings, version: Registered) -> list[Route]:
    named = {"name": MODEL, "version": str(version.version)}
    location = read_version(open_database(settings.registry_url), MODEL, version.version).location
    model = f"{AJAX}/logged-models/{version.model_id}"
    gets: list[tuple[str, str, dict[str, str]]] = [
        ("registered-models/get", f"{AJAX}/registered-models/get", {"name": MODEL}),
        ("registered-models/search", f"{AJAX}/registered-models/search", {}),
        ("model-versions/get", f"{AJAX}/model-versions/get", named),
        ("model-versions/search", f"{AJAX}/model-versions/search", {"filter": f"name='{MODEL}'"}),
        ("logged-models/{id}", model, {}),
        ("logged-models/{id}/artifacts/files", f"{model}/artifacts/files", {"artifact_file_path": REPORT}),
        ("model-versions/get-artifact", "/model-versions/get-artifact", named | {"path": REPORT}),
        (
            "mlflow-artifacts/artifacts/{path}",
            f"/ajax-api/2.0/mlflow-artifacts/artifacts/{path_of(location)}/{REPORT}",
            {},
        ),
    ]
    posts: list[tuple[str, str, dict[str, Any]]] = [
        ("graphql, a run", "/graphql", {"query": RUN_QUERY, "variables": {"data": {"runId": version.run_id}}}),
        ("runs/search", f"{AJAX}/runs/search", {"experiment_ids": [version.experiment_id], "max_results": 100}),
    ]
    return [Route(name, REVIEWER, _get(path, query)) for name, path, query in gets] + [
        Route(name, REVIEWER, _post(path, _always(body))) for name, path, body in posts
    ]


def _writing(version: Registered) -> list[Route]:
    def tag(turn: int) -> dict[str, Any]:
        return {"name": MODEL, "version": str(version.version), "key": "ticket", "value": str(turn)}

    return [
        Route("model-versions/set-tag, a plain one", REVIEWER, _post(f"{AJAX}/model-versions/set-tag", tag)),
        Route("runs/create and runs/log-batch", PIPELINE, _run_of(version.experiment_id)),
    ]


def _get(path: str, query: Mapping[str, str]) -> Call:
    return lambda client, _turn: client.get(path, params=dict(query))


def _always(body: dict[str, Any]) -> Callable[[int], dict[str, Any]]:
    return lambda _turn: body


def _post(path: str, body: Callable[[int], dict[str, Any]]) -> Call:
    return lambda client, turn: client.post(path, json=body(turn))


def _run_of(experiment: str) -> Call:
    metrics = [{"key": f"metric_{number}", "value": 0.7, "timestamp": 1, "step": 0} for number in range(20)]
    tags = [{"key": f"tag_{number}", "value": "x"} for number in range(10)]

    def call(client: httpx.Client, turn: int) -> httpx.Response:
        asked = {"experiment_id": experiment, "start_time": 1, "run_name": f"run-{turn}", "tags": tags}
        made = client.post("/api/2.0/mlflow/runs/create", json=asked).raise_for_status()
        run = made.json()["run"]["info"]["run_id"]
        return client.post("/api/2.0/mlflow/runs/log-batch", json={"run_id": run, "metrics": metrics})

    return call


def _print_routes(routes: list[Route], ours: Server, peer: Server, pairs: int) -> None:
    print("| request | ms here | ms stock | ratio of medians | of 95th percentiles | of processor seconds |")
    print("|---|---:|---:|---:|---:|---:|")
    for route in routes:
        timed = _timed(route, ours, peer, pairs)
        medians = np.median(timed.wall, axis=1) * 1e3
        wall = [_bounded(timed.wall, _percentile(at)) for at in (50, 95)]
        processor = _bounded(timed.processor, lambda drawn: drawn.sum(axis=-1))
        print(
            f"| {route.name} | {medians[0]:.1f} | {medians[1]:.1f} | {wall[0]} | {wall[1]} | {processor} |", flush=True
        )


def _timed(route: Route, ours: Server, peer: Server, pairs: int) -> Timed:
    servers, chance = (ours, peer), np.random.default_rng(SEED)
    for turn in range(WARM_UP):
        for server in servers:
            route.call(server.clients[route.account], turn).raise_for_status()
    wall, processor = np.empty((2, pairs)), np.empty((2, BLOCKS))
    for block, turns in enumerate(np.array_split(np.arange(pairs), BLOCKS)):
        before = [server.processor_seconds() for server in servers]
        for turn in turns:
            for side in chance.permutation(2):
                began = time.perf_counter()
                route.call(servers[side].clients[route.account], WARM_UP + int(turn)).raise_for_status()
                wall[side, turn] = time.perf_counter() - began
        processor[:, block] = [server.processor_seconds() - was for server, was in zip(servers, before, strict=True)]
    return Timed(wall, processor)


def _percentile(at: int) -> Figure:
    return lambda drawn: np.asarray(np.percentile(drawn, at, axis=-1))


def _bounded(sides: Samples, figure: Figure) -> str:
    """Return the ratio of a figure of the first side to that of the second, with bounds, resampling columns."""
    drawn = np.random.default_rng(SEED).integers(sides.shape[1], size=(DRAWS, sides.shape[1]))
    low, high = np.percentile(figure(sides[0][drawn]) / figure(sides[1][drawn]), [2.5, 97.5])
    return f"{float(figure(sides[0]) / figure(sides[1])):.2f} ({low:.2f}–{high:.2f})"


def _print_verdicts(ours: Server, versions: list[Registered]) -> None:
    taken = []
    for version in versions[:-1]:
        asked = {"name": MODEL, "version": str(version.version), "key": "approval", "value": "approved"}
        began = time.perf_counter()
        ours.clients[REVIEWER].post(f"{AJAX}/model-versions/set-tag", json=asked).raise_for_status()
        taken.append(time.perf_counter() - began)
    median, most = np.median(taken) * 1e3, max(taken) * 1e3
    print(f"\nan approval, which has no peer: {median:.0f} ms at the median of {len(taken)}, {most:.0f} at most")
    print(f"load {os.getloadavg()[0]:.1f}")


if __name__ == "__main__":
    main()
