"""A home with accounts, toy candidates (a real small booster with evidence) and a real MLflow server on loopback."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import numpy as np
import xgboost as xgb

from caregate.clock import Clock, system_clock
from caregate.secret_store import new_secrets, read_secrets, write_secrets
from caregate.settings import Settings, load_settings
from governance.anchor_file import keep_anchor
from governance.database import ledger_database
from governance.ledger import Ledger
from governance.people import Role
from models.artifact import Calibration, Column, FittedModel
from models.spec import RiskClass
from registry import registering
from registry.accounts import create_account, create_services
from registry.candidate import Candidate
from registry.databases import prepare_databases
from registry.judged import record_judged
from registry.launch import home_environment, mlflow_command, mlflow_environment
from registry.registering import Registered
from validation.gates.result import Verdict
from validation.waivers import Use

PEOPLE = {
    "ada": Role.ENGINEER,
    "rita": Role.REVIEWER,
    "ron": Role.REVIEWER,
    "rob": Role.REVIEWER,
    "clara": Role.CLINICAL_REVIEWER,
    "otto": Role.AUDITOR,
}
"""Of every test home; ada writes the candidates unless a test says otherwise."""
BRIEF = """## No-show, a toy

| gate | verdict | what was found |
|---|---|---|
| accuracy | passed | AUC at least 0.72, floor 0.70 |
| bias | cannot-tell | 40 positives of 100 in one group |

Read `evidence/card.md` before signing.
"""


def make_home(home: Path, **given: object) -> tuple[Settings, dict[str, str]]:
    """Make a home with services and people, and return its settings and everybody's password."""
    home.mkdir(parents=True)
    settings = load_settings(home=home, user="ada", **given)
    secrets = new_secrets()
    write_secrets(settings.secrets_file, secrets)
    prepare_databases(settings)
    create_services(settings, secrets, by="init")
    keep_anchor(settings, anew=True)
    passwords = {name: create_account(settings, name, role, by="init") for name, role in PEOPLE.items()}
    services = {"admin": secrets.admin_password, "pipeline": secrets.pipeline_password}
    return settings, passwords | services | {"promoter": secrets.promoter_password}


def save_toy_model(folder: Path, seed: int) -> None:
    """Write a booster of two features, its JSON and a little evidence."""
    chance = np.random.default_rng(seed)
    inputs = chance.normal(size=(200, 2)).astype(np.float32)
    label = (inputs[:, 0] + chance.normal(size=200) > 0).astype(int)
    booster = xgb.train({"objective": "binary:logistic", "max_depth": 2, "nthread": 1}, xgb.DMatrix(inputs, label), 5)
    columns = tuple(Column(name, name, "number", low=-3.0, high=3.0) for name in ("lead_days", "known_misses"))
    FittedModel("no-show", columns, booster, Calibration()).save(folder)
    evidence = folder / "evidence"
    evidence.mkdir()
    (evidence / "card.md").write_text(f"# A toy, seed {seed}\n", encoding="utf-8")


def make_candidate(folder: Path, run_key: str, *, seed: int = 0, **given: object) -> Candidate:
    """Return a candidate whose files lie in `folder`."""
    save_toy_model(folder, seed)
    values: dict[str, object] = {
        "model": "no-show",
        "author": "ada",
        "run_key": run_key,
        "folder": folder,
        "metrics": {"auc": 0.73, "brier": 0.13},
        "params": {"rounds": "5"},
        "gates": {"accuracy": Verdict.PASSED, "bias": Verdict.CANNOT_TELL},
        "description": BRIEF,
        "risk_class": RiskClass.OPERATIONAL,
        "snapshot": "sha256:" + "a" * 64,
        "policy": "sha256:" + "b" * 64,
    }
    candidate = Candidate(**values | given)  # type: ignore[arg-type]
    write_toy_gates(candidate)
    return candidate


def write_toy_gates(candidate: Candidate) -> None:
    """Write what the candidate says of its gates into its evidence, a check each."""
    gates = [
        {"gate": name, "verdict": verdict.value, "checks": [{"name": name, "verdict": verdict.value}]}
        for name, verdict in candidate.gates.items()
    ]
    until = candidate.valid_until
    waivers = [{"use": Use.IN_USE.value, "until": until.isoformat()}] if until else []
    said = {"status": candidate.gate_status.value, "gates": gates, "waivers": waivers}
    (candidate.folder / "evidence" / "gates.json").write_text(json.dumps(said), encoding="utf-8")


def register(settings: Settings, candidate: Candidate, *, clock: Clock = system_clock) -> Registered:
    """Register a toy as if its run had put it through the gates."""
    record_judged(Ledger(ledger_database(settings)), candidate)
    return registering.register(settings, candidate, clock=clock)


def free_ports(count: int) -> int:
    """Return the first of `count` neighbouring free ports, below those that the system gives to whoever connects."""
    for base in range(20_000 + os.getpid() % 9_000, 32_700, 7):
        if all(_is_free(base + step) for step in range(count)):
            return base
    raise RuntimeError


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) != 0


@dataclass(frozen=True)
class Server:
    """A running MLflow server and everybody's password."""

    settings: Settings
    passwords: dict[str, str]
    url: str

    def client(self, who: str) -> httpx.Client:
        """Return an HTTP client that signs in as `who`."""
        return httpx.Client(base_url=self.url, auth=(who, self.passwords[who]), timeout=60)


@contextmanager
def running_server(settings: Settings, passwords: dict[str, str]) -> Iterator[Server]:
    """Run the home's MLflow server until the block ends."""
    port = free_ports(1)
    environment = os.environ | home_environment(settings)
    environment |= mlflow_environment(settings, read_secrets(settings.secrets_file))
    with (settings.home / "mlflow.log").open("wb") as log:
        process = subprocess.Popen(mlflow_command(port, settings.public_url), env=environment, stdout=log, stderr=log)
    server = Server(settings, passwords, f"http://127.0.0.1:{port}")
    try:
        _wait(server.url, process)
        yield server
    finally:
        process.terminate()
        process.wait(30)


def _wait(url: str, process: subprocess.Popen[bytes]) -> None:
    while process.poll() is None:
        try:
            if httpx.get(f"{url}/health").is_success:
                return
        except httpx.TransportError:
            time.sleep(0.2)
    raise RuntimeError
