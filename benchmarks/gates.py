"""What the gates cost and how often they are right: ``python -m benchmarks.gates [--rows N] [--runs N]``.

First table: all gates, every metric of every group and intersection by a bootstrap of patients, against fairlearn's
`MetricFrame` bootstrap of rows for four metrics of one partition, a replicate, in one run. fairlearn is given few
replicates because each costs it the same.

Second table: how often each gate fails, passes or cannot tell when a fault of known size is planted, and when none is.
"""

from __future__ import annotations

import argparse
import time
from collections import Counter
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
FAULTS: dict[str, tuple[str, str, dict[str, float]]] = {
    "none": ("", "", {}),
    "noise of 2.5 in the log-odds of scores": ("accuracy", "auc", {"noise": 2.5}),
    "scores half as extreme again": ("calibration", "slope", {"slope": 1.5}),
    "0.8 log-odds that scores do not see, on welfare": (
        "calibration",
        "observed_expected[welfare=yes]",
        {"unseen": 0.8},
    ),
    "scores that say nothing for women": ("bias", "tpr_ratio[sex=female]", {"blind": 1.0}),
    "the outcome adds 1.5 to the log-odds of scores": ("leakage", "auc", {"leak": 1.5}),
}


def main() -> None:
    """Print both tables."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--rows", type=int, default=100_000)
    arguments.add_argument("--runs", type=int, default=20)
    asked = arguments.parse_args()
    policy = load_policy("no-show")
    print_cost(simulate(asked.rows, seed=1), policy)
    print_faults(policy, asked.runs)


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


def print_faults(policy: Policy, runs: int) -> None:
    """Print, for each planted fault, how often the check that should find it does, and how often any check fails."""
    print(f"\n{runs} runs of 20,000 rows each; 200 replicates")
    print(f"{'planted':50}{'should be found by':44}{'failed':>8}{'open':>6}{'passed':>8}")
    faster = fewer_replicates(policy)
    for words, (gate, check, fault) in FAULTS.items():
        said: Counter[str] = Counter()
        for seed in range(runs):
            said[verdict(simulate(20_000, seed=seed, **fault), faster, gate, check)] += 1
        where = f"{gate}: {check}" if gate else "no gate (any check that fails counts)"
        print(f"{words:50}{where:44}{said['failed']:8}{said['cannot-tell']:6}{said['passed']:8}")


def verdict(rows: ScoredRows, policy: Policy, gate: str, check: str) -> str:
    """Return the verdict of one check, or the worst of all where none is named; what cannot be judged is left out."""
    results = judge(measure(rows, policy), policy)
    checks = [item for result in results for item in result.checks if gate in {"", result.gate}]
    said = [item.verdict.value for item in checks if check in {"", item.name}]
    return "failed" if "failed" in said else said[0]


def fewer_replicates(policy: Policy) -> Policy:
    """Return `policy` with 200 replicates: the verdicts hardly change, and many runs are wanted."""
    content = policy.model_dump()
    content["bootstrap"]["replicates"]["value"] = 200
    return Policy.model_validate(content)


def timed(act: Callable[[], Answer]) -> tuple[float, Answer]:
    """Return the processor seconds that `act` takes, and what it returns."""
    start = time.process_time()
    answer = act()
    return time.process_time() - start, answer


if __name__ == "__main__":
    main()
