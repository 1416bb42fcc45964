"""The servers that the benchmark of scoring compares, each in processes of its own."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import mlflow.pyfunc
import mlflow.xgboost
import numpy as np
import pandas as pd
import psutil
from mlflow.models import infer_signature

from benchmarks.bare_scores import FOLDER
from benchmarks.scoring_home import ScoringHome
from models.artifact import FittedModel
from models.no_show import SPEC
from registry.champion import champion_of
from registry.launch import home_environment

READY_SECONDS = 120.0
PROJECT = Path(__file__).resolve().parent.parent


@dataclass(frozen=True)
class Server:
    """A running server: where it answers, and its processes."""

    address: str
    process: psutil.Process

    def processor_seconds(self) -> float:
        """Return what its processes have used."""
        used = [item.cpu_times() for item in (self.process, *self.process.children(recursive=True))]
        return float(sum(item.user + item.system for item in used))


def champion_model(home: ScoringHome) -> FittedModel:
    """Return the model of the version in use."""
    return home.models[champion_of(home.settings, SPEC.name).version]


@contextmanager
def running_mlflow(home: ScoringHome, folder: Path, *, whole: bool) -> Iterator[Server]:
    """Run MLflow's own server: on the approved model `whole`, or on its bare booster."""
    port, model = free_port(), folder / f"mlflow-{whole}"
    _save(home, model, whole=whole)
    options = ["-m", str(model), "--env-manager", "local", "--host", "127.0.0.1", "--port", str(port)]
    command = [sys.executable, "-m", "mlflow", "models", "serve", *options]
    places = {
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "PYTHONPATH": str(PROJECT),
    }
    with _running(command, places, folder / f"mlflow-{whole}.log", f"http://127.0.0.1:{port}/ping") as process:
        yield Server(f"http://127.0.0.1:{port}", process)


def _save(home: ScoringHome, model: Path, *, whole: bool) -> None:
    if whole:
        artifacts = {"model": str(champion_of(home.settings, SPEC.name).folder)}
        code = PROJECT / "benchmarks" / "pyfunc_model.py"
        mlflow.pyfunc.save_model(model, python_model=str(code), artifacts=artifacts, pip_requirements=["mlflow"])
        return
    example = pd.DataFrame(np.zeros((1, len(SPEC.features))), columns=list(SPEC.feature_names))
    signature = infer_signature(example, np.zeros(1))
    mlflow.xgboost.save_model(champion_model(home).booster, model, pip_requirements=["mlflow"], signature=signature)


@contextmanager
def running_bare_core(home: ScoringHome, workers: int, folder: Path) -> Iterator[Server]:
    """Run the champion's model behind our transport, and nothing else."""
    port = free_port()
    environment = {FOLDER: str(champion_of(home.settings, SPEC.name).folder)}
    options = ["--factory", "--port", str(port), "--workers", str(workers), "--loop", "uvloop", "--http", "httptools"]
    command = [sys.executable, "-m", "uvicorn", "benchmarks.bare_scores:app", *options, "--no-access-log"]
    with _running(command, environment, folder / "bare.log", None, port=port) as process:
        yield Server(f"http://127.0.0.1:{port}", process)


@contextmanager
def running_service(home: ScoringHome, workers: int, folder: Path) -> Iterator[Server]:
    """Run the service of the home."""
    address = f"http://127.0.0.1:{home.settings.port_base + 2}"
    environment = home_environment(home.settings) | {"CAREGATE_SCORING_WORKERS": str(workers)}
    with _running(
        [sys.executable, "-m", "serving"], environment, folder / "serving.log", f"{address}/readyz"
    ) as running:
        yield Server(address, running)


@contextmanager
def _running(
    command: list[str], environment: Mapping[str, str], log: Path, ready: str | None, *, port: int = 0
) -> Iterator[psutil.Process]:
    with log.open("wb") as output:
        process = subprocess.Popen(
            command, env=os.environ | dict(environment), stdout=output, stderr=output, stdin=subprocess.DEVNULL
        )
        try:
            _wait(lambda: _is_ready(ready) if ready else _listens(port), process, log)
            yield psutil.Process(process.pid)
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


def free_port() -> int:
    """Return a port that nothing listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
