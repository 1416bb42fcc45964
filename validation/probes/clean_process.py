"""A process of its own: it loads a model's files, scores what it is handed, and says what that took.

Called as ``python -I -m validation.probes.clean_process FOLDER`` with the encoded inputs as a NumPy file on standard
input; the answer is JSON on standard output. Patients' rows come by a pipe and are never written anywhere.
"""

from __future__ import annotations

import io
import json
import os
import sys
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any, TextIO

import numpy as np
import numpy.typing as npt

from models.artifact import FittedModel, ModelUnreadable, load_model

CALLS, WARM_UP = 300, 10
"""Single rows that are scored and explained, and those before them that are not timed: a server's first answer is
slower, and it gives thousands."""

Inputs = npt.NDArray[np.float32]


def main() -> None:
    """Answer one question, or end with an error."""
    answer_to = _own_output()
    inputs = np.load(io.BytesIO(sys.stdin.buffer.read()), allow_pickle=False)
    sys.addaudithook(refuse_network)
    json.dump(examined(Path(sys.argv[1]), inputs), answer_to)
    answer_to.close()


def examined(folder: Path, inputs: Inputs) -> dict[str, Any]:
    """Return scores, columns and processor times of the model in `folder`, or why it cannot be read."""
    started = time.process_time()
    try:
        model = load_model(folder)
    except ModelUnreadable as error:
        return {"failure": str(error)}
    load_seconds = time.process_time() - started
    return {
        "scores": model.predict_encoded(inputs).tolist(),
        "columns": [asdict(column) for column in model.columns],
        "load_seconds": load_seconds,
        "latency_ms": 1000 * float(np.quantile(_latencies(model, inputs), 0.99)),
    }


def _latencies(model: FittedModel, inputs: Inputs) -> list[float]:
    """Return what single rows with their reasons took, in seconds, on one thread as a server answers."""
    model.booster.set_param({"nthread": 1})
    times = []
    for place in range(WARM_UP + CALLS):
        row = inputs[[place % len(inputs)]]
        started = time.process_time()
        model.predict_encoded(row)
        model.contributions(row)
        times.append(time.process_time() - started)
    return times[WARM_UP:]


def _own_output() -> TextIO:
    """Keep standard output for the answer: what a library prints goes to standard error."""
    kept = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    return kept


def refuse_network(event: str, _args: tuple[object, ...]) -> None:
    """Stop whatever touches a socket: an audit hook."""
    if event.startswith("socket."):
        raise PermissionError("a model's files have no business with the network")


if __name__ == "__main__":
    main()
