"""Small versions for the benchmarks of the registry: a booster of two features, with evidence of a real one's size."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import xgboost as xgb

from caregate.settings import Settings
from governance.database import ledger_database
from governance.ledger import Ledger
from models.artifact import Calibration, Column, FittedModel
from models.spec import RiskClass
from registry.candidate import Candidate
from registry.judged import record_judged
from registry.registering import Registered, register
from validation.gates.result import Verdict

MODEL, AUTHOR = "no-show", "engineer"
FEATURES = ("lead_days", "known_misses")
GATES = {"accuracy": Verdict.PASSED, "bias": Verdict.CANNOT_TELL}
REPORT_BYTES = 400_000
DIGEST = "sha256:" + "0" * 64


def registered(settings: Settings, folder: Path, number: int, *, compared_with: str = "") -> Registered:
    """Train, judge and register one small version.

    Parameters
    ----------
    settings
        Of the home.
    folder
        Where its files are written; a folder of its own.
    number
        Seeds it and names its run.
    compared_with
        Digest of the version in use.
    """
    _write_files(folder, number)
    candidate = Candidate(
        model=MODEL,
        author=AUTHOR,
        run_key=f"benchmark-{number}",
        folder=folder,
        metrics={f"metric_{index}": 0.7 for index in range(20)},
        params={"rounds": "5"},
        gates=GATES,
        description="A small version for a benchmark.",
        risk_class=RiskClass.OPERATIONAL,
        snapshot=DIGEST,
        policy=DIGEST,
        compared_with=compared_with,
    )
    record_judged(Ledger(ledger_database(settings)), candidate)
    return register(settings, candidate)


def _write_files(folder: Path, seed: int) -> None:
    chance = np.random.default_rng(seed)
    inputs = chance.normal(size=(200, len(FEATURES))).astype(np.float32)
    label = (inputs[:, 0] + chance.normal(size=200) > 0).astype(int)
    booster = xgb.train({"objective": "binary:logistic", "max_depth": 2, "nthread": 1}, xgb.DMatrix(inputs, label), 5)
    columns = tuple(Column(name, name, "number", low=-3.0, high=3.0) for name in FEATURES)
    FittedModel(MODEL, columns, booster, Calibration()).save(folder)
    gates = [
        {"gate": name, "verdict": verdict.value, "checks": [{"name": name, "verdict": verdict.value}]}
        for name, verdict in GATES.items()
    ]
    said = {"status": Verdict.CANNOT_TELL.value, "gates": gates, "waivers": []}
    evidence = folder / "evidence"
    evidence.mkdir()
    (evidence / "gates.json").write_text(json.dumps(said), encoding="utf-8")
    (evidence / "report.html").write_text("<p>evidence</p>".ljust(REPORT_BYTES), encoding="utf-8")
