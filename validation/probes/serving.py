"""A model's files in a process of their own: whether they give the same scores, and how fast, large and loadable."""

from __future__ import annotations

import io
import json
import math
import os
import re
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from models.artifact import FILES, Column
from validation.parts import Inputs
from validation.probed import Served
from validation.probes.subject import Subject
from validation.scored import Floats

COMPARED = 10_000
"""Held-out rows that are scored in both processes: other weights show on nearly all of them."""
TIME_LIMIT = 120.0
"""Seconds for the whole process, imports included, which take two on an idle machine: none of it is what is judged."""
FINEST_MS, FINEST_SECONDS = 10.0, 0.1
"""Times are told no finer: nobody feels less, and the same model has to give the same evidence on a busy machine."""
ENVIRONMENT = ("LD_LIBRARY_PATH", "SYSTEMROOT")
"""Without these some installations cannot import at all; nothing else of the environment is handed on."""


def probe_serving(subject: Subject) -> Served:
    """Load the subject's files in a clean process and hold its scores of held-out rows against those of the model."""
    rows = subject.rows.take(subject.drawn(np.flatnonzero(subject.test), COMPARED))
    inputs = subject.model.encode(rows)
    expected = subject.model.predict_encoded(inputs)
    return serve_check(subject.folder, inputs, expected, columns=subject.model.columns)


def serve_check(
    folder: Path,
    inputs: Inputs,
    expected: Floats,
    *,
    columns: tuple[Column, ...] | None = None,
    time_limit: float = TIME_LIMIT,
) -> Served:
    """Load the model in `folder` in a clean process and hold its scores against those expected.

    The process is isolated (``python -I``), gets no environment and no network, and reads the inputs from a pipe. What
    cannot be loaded, crashes or does not end in time is no error here: the gate fails it.

    Parameters
    ----------
    folder
        A folder with a model's files; no code of it is run.
    inputs, expected
        Encoded inputs, shape (n, features), and their scores, shape (n,).
    columns
        How rows are encoded, as it has to stand in the folder; not compared where it is not given.
    time_limit
        Seconds.
    """
    size = sum((folder / name).stat().st_size for name in FILES if (folder / name).is_file()) / 1e6
    answer = _ask(folder, inputs, time_limit)
    if "failure" not in answer and columns is not None and answer["columns"] != _plain(columns):
        answer = {"failure": "its files encode rows otherwise than the model that was judged"}
    if "failure" in answer:
        return Served(len(inputs), math.nan, math.nan, math.nan, size, str(answer["failure"]))
    return Served(
        rows=len(inputs),
        largest_difference=_largest(np.array(answer["scores"]), expected),
        latency_ms=max(rounded_up(answer["latency_ms"]), FINEST_MS),
        load_seconds=max(rounded_up(answer["load_seconds"]), FINEST_SECONDS),
        size_mb=size,
    )


def rounded_up(value: float) -> float:
    """Return the next of 1, 2 and 5 times a power of ten that is not below `value`."""
    if value <= 0:
        return 0.0
    power = math.floor(math.log10(value)) - 1
    steps = (float(f"{step}e{power + more}") for more in range(3) for step in (1, 2, 5))
    return next(step for step in steps if step >= value)


def _ask(folder: Path, inputs: Inputs, time_limit: float) -> Any:
    handed = io.BytesIO()
    np.save(handed, inputs, allow_pickle=False)
    command = [sys.executable, "-I", "-m", "validation.probes.clean_process", str(folder.resolve())]
    environment = {name: os.environ[name] for name in ENVIRONMENT if name in os.environ}
    try:
        done = subprocess.run(
            command,
            input=handed.getvalue(),
            capture_output=True,
            env=environment,
            cwd=folder.resolve().anchor,
            timeout=time_limit,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return {"failure": f"its process did not end within {time_limit:g} seconds"}
    return json.loads(done.stdout) if done.returncode == 0 else {"failure": _crash(done)}


def _crash(done: subprocess.CompletedProcess[bytes]) -> str:
    """Say how the process ended, with the kind of its error alone: the text of one may hold what was handed in."""
    last = done.stderr.decode(errors="replace").strip().rpartition("\n")[2]
    kind = re.match(r"[A-Za-z_.]+(?=:|$)", last)
    return f"its process ended with {done.returncode}" + (f" ({kind.group()})" if kind else "")


def _plain(columns: tuple[Column, ...]) -> Any:
    return json.loads(json.dumps([asdict(column) for column in columns]))


def _largest(found: Floats, expected: Floats) -> float:
    if found.shape != expected.shape or not (np.isfinite(found).all() and np.isfinite(expected).all()):
        return math.inf
    return float(np.abs(found - expected).max(initial=0.0))
