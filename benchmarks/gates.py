"""What the gates cost: ``python -m benchmarks.gates [--rows N]``.

All gates, every metric of every group and intersection by a bootstrap of patients, against fairlearn's `MetricFrame`
bootstrap of rows for four metrics of one partition, a replicate, in one run. fairlearn is given few replicates because
each costs it the same.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from dataclasses import replace
from typing import TypeVar

import numpy as np
from fairlearn.metrics import MetricFrame, false_positive_rate, selection_rate, true_positive_rate
from sklearn.metrics import precision_score

from benchmarks.simulated import simulate
from validation.decision import flag
from validation.gates.panel import judge
from validation.measured import Measured
from validation.measuring import measure
from validation.policy import Policy, load_policy
from validation.scored import ScoredRows

Answer = TypeVar("Answer")
PEER_REPLICATES = 3
PEER_METRICS = {
    "selection_rate": selection_rate,
    "tpr": true_positive_rate,
    "fpr": false_positive_rate,
    "ppv": precision_score,
}


def main() -> None:
    """Print the table."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--rows", type=int, default=100_000)
    asked = arguments.parse_args()
    print_cost(simulate(asked.rows, seed=1), load_policy("no-show"))


def print_cost(rows: ScoredRows, policy: Policy) -> None:
    """Print what all gates cost on `rows`, and what fairlearn's bootstrap of four metrics of one partition costs."""
    flagged, replicates = flag(rows, policy), policy.bootstrap.replicates.value
    base, frame = timed(lambda: fairlearn(rows, flagged, 0))
    whole, _ = timed(lambda: fairlearn(rows, flagged, PEER_REPLICATES))
    peer = (whole - base) / PEER_REPLICATES
    rows = replace(rows, champion=rows.baselines["logistic"])
    measuring, measured = timed(lambda: measure(rows, policy))
    judging, _ = timed(lambda: judge(measured, policy))
    ours = measuring + judging
    print(f"\n{rows.n:,} rows, {len(np.unique(rows.patient)):,} patients; processor seconds")
    print(f"{'':58}{'seconds':>9}{'a replicate':>14}")
    print(f"{f'fairlearn, rows, 4 metrics of age, {PEER_REPLICATES} replicates':58}{whole:9.2f}{peer * 1e3:11.1f} ms")
    print(
        f"{f'all gates, patients, all groups, {replicates} replicates':58}{ours:9.2f}{ours / replicates * 1e3:11.1f} ms"
    )
    print(f"fairlearn over ours, a replicate: {peer * replicates / ours:.0f} times")
    print(f"largest difference between its estimates and ours: {largest_difference(frame, measured):.1e}")


def largest_difference(frame: MetricFrame, measured: Measured) -> float:
    """Return how far any of fairlearn's estimates of the age groups lies from ours."""
    ours = measured.partitions["age"].metrics
    gaps = [np.abs(frame.by_group[name].to_numpy(dtype=np.float64) - ours[name].sample) for name in PEER_METRICS]
    return float(np.max(gaps))


def fairlearn(rows: ScoredRows, flagged: np.ndarray, replicates: int) -> MetricFrame:
    """Compute four metrics of the age groups as fairlearn does, with its bootstrap where `replicates` are asked for."""
    asked = {"n_boot": replicates, "ci_quantiles": [0.025, 0.975], "random_state": 0} if replicates else {}
    age = rows.groups["age"].codes
    return MetricFrame(metrics=PEER_METRICS, y_true=rows.label, y_pred=flagged, sensitive_features=age, **asked)


def timed(act: Callable[[], Answer]) -> tuple[float, Answer]:
    """Return the processor seconds that `act` takes, and what it returns."""
    start = time.process_time()
    answer = act()
    return time.process_time() - start, answer


if __name__ == "__main__":
    main()
