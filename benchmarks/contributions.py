"""Exact contributions, ours beside xgboost's own: ``python -m benchmarks.contributions``.

Both models at their real size on synthetic rows; two threads on each side; both in turns within one run.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable
from tempfile import TemporaryDirectory

import numpy as np
import xgboost as xgb

from benchmarks.fitted_models import Fitted, fitted_models
from models.compiled import FOLDER
from models.trees import Trees

THREADS, ROUNDS, ONE = 2, 3, 300
MANY, THEIRS = 16_384, 2_048
"""Rows of ours and of theirs in a round: theirs take as long with an eighth."""


def main() -> None:
    """Print the tables."""
    print(f"{THREADS} threads, load {os.getloadavg()[0]:.1f}; best of {ROUNDS} rounds\n")
    print("| model | trees | rows/s, ours | xgboost | ratio | one row, ours, µs | xgboost, µs | greatest difference |")
    print("|---|---:|---:|---:|---:|---:|---:|---:|")
    with fitted_models("no-show", "readmission-risk") as models:
        for fitted in models:
            compare(fitted)
    print("\n| start of a process: import and trees | seconds |\n|---|---:|")
    with TemporaryDirectory() as folder:
        for name in ("nothing compiled yet", "compiled before"):
            print(f"| {name} | {started(folder):.1f} |")


def compare(fitted: Fitted) -> None:
    """Print a model's line."""
    booster = fitted.model.booster
    booster.set_param({"nthread": THREADS})
    rows = fitted.model.supported(fitted.model.encode(fitted.rows))
    many, some = np.resize(rows, (MANY, rows.shape[1])), rows[:THEIRS]
    trees = Trees.of(booster, threads=THREADS)

    def theirs() -> None:
        booster.predict(xgb.DMatrix(some, nthread=THREADS), pred_contribs=True)

    ours, own = [], []
    for _ in range(ROUNDS):
        ours.append(MANY / seconds(lambda: trees.contributions(many)))
        own.append(THEIRS / seconds(theirs))
    one = min(seconds(lambda: trees.contributions(rows[:1])) for _ in range(ONE))
    one_own = min(
        seconds(lambda: booster.predict(xgb.DMatrix(rows[:1], nthread=1), pred_contribs=True)) for _ in range(ONE)
    )
    found = booster.predict(xgb.DMatrix(some), pred_contribs=True)[:, :-1]
    apart = np.abs(trees.contributions(some) - found).max()
    print(
        f"| {fitted.spec.name} | {fitted.spec.rounds} × depth {trees.arrays.depths.max()} | {max(ours):,.0f} | "
        f"{max(own):,.0f} | {max(ours) / max(own):.1f} | {one * 1e6:,.0f} | {one_own * 1e6:,.0f} | {apart:.1e} |",
        flush=True,
    )


def started(folder: str) -> float:
    """Return how long a process takes to import the trees' code."""
    environment = {**os.environ, FOLDER: folder}
    command = [sys.executable, "-c", "import models.trees"]
    return seconds(lambda: subprocess.run(command, env=environment, check=True))


def seconds(act: Callable[[], object]) -> float:
    """Return how long `act` takes."""
    start = time.perf_counter()
    act()
    return time.perf_counter() - start


if __name__ == "__main__":
    main()
