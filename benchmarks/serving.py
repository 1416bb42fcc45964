"""Scoring over HTTP against ``mlflow models serve``: ``python -m benchmarks.serving [--seconds N] [--rows N]``.

One home, one approved version of real size, one run: MLflow's own server on the same booster, the service as
``python -m serving`` runs it, and wrk with 8 connections against each in turn.
"""

from __future__ import annotations

import argparse
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path
from threading import Event
from typing import Any

import httpx
import mlflow.xgboost
import numpy as np
import pandas as pd
from mlflow.models import infer_signature

from benchmarks.bare_scores import FOLDER
from benchmarks.scoring_home import ENGINEER, ScoringHome, scoring_home
from benchmarks.wrk import Load, run_wrk
from crm.sources.synthetic import SyntheticSource
from crm.tables import TABLES
from models.artifact import FittedModel
from models.features import feature_rows
from models.no_show import SPEC
from registry.champion import champion_of
from registry.launch import home_environment
from registry.promotion import rollback

MANY, BODIES, MANY_BODIES = 1000, 500, 4
READY_SECONDS, RELOADS, RELOAD_SECONDS = 120.0, 8, 1.5
OWN = ("status", "outcome_known_at", "appointment_id")
URL = f"/v1/models/{SPEC.name}/predictions"


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=12.0, help="of each case")
    parser.add_argument("--rows", type=int, default=50_000, help="appointments of the snapshot")
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1, help="processes of ours")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as name, ExitStack() as servers:
        folder = Path(name)
        home = scoring_home(folder, rows=given.rows, versions=2, port_base=_free_port() - 2)
        load = f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}"
        print(f"{load}, {given.rows:,} appointments, {given.workers} workers")
        peer = servers.enter_context(_mlflow(home, folder))
        bare = servers.enter_context(_bare(home, given.workers, folder))
        ours = servers.enter_context(_service(home, given.workers, folder))
        _print_cases(home, {"mlflow": peer, "bare": bare, "ours": ours}, given.seconds)
        _print_reload(home, ours)
        print(f"load {os.getloadavg()[0]:.1f}")


def _print_cases(home: ScoringHome, at: Mapping[str, str], seconds: float) -> None:
    instances, features = _instances(home), _features(home)
    key = {"Authorization": f"Bearer {home.key}"}

    def asked(size: int, count: int, **more: Any) -> list[dict[str, Any]]:
        parts = [instances[start * size : (start + 1) * size] for start in range(count)]
        return [{"purpose": "reminder", "instances": part, **more} for part in parts]

    def split(size: int, count: int) -> list[dict[str, Any]]:
        names = list(SPEC.feature_names)
        parts = [features[start * size : (start + 1) * size] for start in range(count)]
        return [{"dataframe_split": {"columns": names, "data": part.tolist()}} for part in parts]

    def mlflow_load(size: int, count: int) -> Load:
        return run_wrk(f"{at['mlflow']}/invocations", split(size, count), seconds)

    print("\n| one row | requests a second | times MLflow | p50 ms | p99 ms | failed |\n|---|---:|---:|---:|---:|---:|")
    peer = mlflow_load(1, BODIES)
    _print("`mlflow models serve`: features in, score out", peer, peer)
    full = run_wrk(at["ours"] + URL, asked(1, BODIES), seconds, headers=key)
    _print("five reasons, consent, history, prediction row", full, peer)
    _print(
        "the same without reasons", run_wrk(at["ours"] + URL, asked(1, BODIES, reasons=0), seconds, headers=key), peer
    )
    _print("bare core: features in, score out", run_wrk(f"{at['bare']}/invocations", split(1, BODIES), seconds), peer)
    print(
        "\n| 1,000 rows | requests a second | times MLflow | p50 ms | p99 ms | failed |\n|---|---:|---:|---:|---:|---:|"
    )
    peer = mlflow_load(MANY, MANY_BODIES)
    _print("`mlflow models serve`: features in, score out", peer, peer)
    many = asked(MANY, MANY_BODIES, reasons=0)
    _print("consent, history, prediction rows, no reasons", run_wrk(at["ours"] + URL, many, seconds, headers=key), peer)
    bare = run_wrk(f"{at['bare']}/invocations", split(MANY, MANY_BODIES), seconds)
    _print("bare core: features in, score out", bare, peer)


def _print(what: str, load: Load, peer: Load) -> None:
    times = load.per_second / peer.per_second
    print(
        f"| {what} | {load.per_second:,.1f} | {times:.1f} | {load.p50_ms:.1f} | {load.p99_ms:.1f} | {load.failed} |",
        flush=True,
    )


def _print_reload(home: ScoringHome, address: str) -> None:
    """Roll back and forth under load, and hold every answer against what its version alone gives."""
    body = {"purpose": "reminder", "reasons": 0, "instances": _instances(home)[:1]}
    stop, answers, failed = Event(), Counter[tuple[int, float]](), Counter[int]()

    def load() -> None:
        headers = {"Authorization": f"Bearer {home.key}"}
        with httpx.Client(base_url=address, headers=headers, timeout=30) as client:
            while not stop.is_set():
                reply = client.post(URL, json=body)
                if reply.status_code != httpx.codes.OK:
                    failed[reply.status_code] += 1
                    continue
                (answer,) = reply.json()["predictions"]
                answers[answer["model_version"], answer["score"]] += 1

    with ThreadPoolExecutor(8) as pool:
        clients = [pool.submit(load) for _ in range(8)]
        for _ in range(RELOADS):
            stop.wait(RELOAD_SECONDS)
            rollback(home.settings, SPEC.name, by=ENGINEER)
        stop.wait(RELOAD_SECONDS)
        stop.set()
        for client in clients:
            client.result()
    scores = Counter(version for version, _ in answers)
    mixed = sum(count - 1 for count in scores.values())
    print(
        f"\nReload under load: {RELOADS} times another champion, {sum(answers.values()):,} answers of versions "
        f"{sorted(scores)}, {sum(failed.values())} failed, {mixed} scores that are of neither version."
    )


def _instances(home: ScoringHome) -> list[dict[str, Any]]:
    rows = SyntheticSource(home.snapshot.manifest.tables["appointments"], encounters=0).read().tables["appointments"]
    wanted = [name for name in TABLES["appointments"].names if name not in OWN]
    return [
        {"record_id": row["appointment_id"]} | {name: _plain(row[name]) for name in wanted if row.get(name) is not None}
        for row in rows.tail(MANY * MANY_BODIES).iter_rows(named=True)
    ]


def _plain(value: Any) -> Any:
    return value.isoformat() if hasattr(value, "isoformat") else value


def _features(home: ScoringHome) -> np.ndarray[Any, np.dtype[np.float64]]:
    """Return encoded rows of which no value is missing: MLflow's server reads JSON without NaN."""
    files = {name: home.snapshot.path(name) for name in ("patients", "appointments")}
    table = feature_rows(SPEC, files, threads=2, memory_limit_gb=1, spill=home.settings.home)
    inputs = _champion(home).encode(table)
    whole = inputs[~np.isnan(inputs).any(axis=1)]
    repeated = np.resize(whole, (MANY * MANY_BODIES, inputs.shape[1]))
    return np.round(repeated.astype(np.float64), 6)


def _champion(home: ScoringHome) -> FittedModel:
    return home.models[champion_of(home.settings, SPEC.name).version]


@contextmanager
def _mlflow(home: ScoringHome, folder: Path) -> Iterator[str]:
    model, port = folder / "mlflow-model", _free_port()
    names = list(SPEC.feature_names)
    booster = _champion(home).booster
    example = pd.DataFrame(np.zeros((1, len(names))), columns=names)
    mlflow.xgboost.save_model(
        booster, model, pip_requirements=["mlflow"], signature=infer_signature(example, np.zeros(1))
    )
    options = ["-m", str(model), "--env-manager", "local", "--host", "127.0.0.1", "--port", str(port)]
    command = [sys.executable, "-m", "mlflow", "models", "serve", *options]
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    with _running(command, {"PATH": path}, folder / "mlflow.log", f"http://127.0.0.1:{port}/ping") as _:
        yield f"http://127.0.0.1:{port}"


@contextmanager
def _bare(home: ScoringHome, workers: int, folder: Path) -> Iterator[str]:
    port = _free_port()
    environment = {FOLDER: str(champion_of(home.settings, SPEC.name).folder)}
    options = ["--factory", "--port", str(port), "--workers", str(workers), "--loop", "uvloop", "--http", "httptools"]
    command = [sys.executable, "-m", "uvicorn", "benchmarks.bare_scores:app", *options, "--no-access-log"]
    with _running(command, environment, folder / "bare.log", None, port=port):
        yield f"http://127.0.0.1:{port}"


@contextmanager
def _service(home: ScoringHome, workers: int, folder: Path) -> Iterator[str]:
    address = f"http://127.0.0.1:{home.settings.port_base + 2}"
    environment = home_environment(home.settings) | {"CAREGATE_SCORING_WORKERS": str(workers)}
    with _running([sys.executable, "-m", "serving"], environment, folder / "serving.log", f"{address}/readyz"):
        yield address


@contextmanager
def _running(
    command: list[str], environment: Mapping[str, str], log: Path, ready: str | None, *, port: int = 0
) -> Iterator[None]:
    with log.open("wb") as output:
        process = subprocess.Popen(
            command, env=os.environ | dict(environment), stdout=output, stderr=output, stdin=subprocess.DEVNULL
        )
        try:
            _wait(lambda: _is_ready(ready) if ready else _listens(port), process, log)
            yield
        finally:
            process.terminate()
            process.wait(60)


def _wait(happened: Callable[[], bool], process: subprocess.Popen[bytes], log: Path) -> None:
    end = time.monotonic() + READY_SECONDS
    while not happened():
        if process.poll() is not None or time.monotonic() > end:
            raise SystemExit(log.read_text(encoding="utf-8")[-3000:])
        time.sleep(0.2)
    time.sleep(2.0)  # the other workers


def _is_ready(address: str) -> bool:
    try:
        return httpx.get(address, timeout=2).is_success
    except httpx.HTTPError:
        return False


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


if __name__ == "__main__":
    main()
