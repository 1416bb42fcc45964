"""How often the gates find planted faults, and how often they cry wolf: ``python -m benchmarks.planted_faults``.

The faults, their sizes and the checks that have to find them are those of the policy (`faults`). Faults of scores are
planted in simulated held-out rows, faults of data and models in synthetic appointments on which a model is fitted and
probed. Each is planted many times with other seeds. A gate fires when it fails; where it cannot tell, the reviewer is
asked by name, which is neither an alarm nor silence.
"""

from __future__ import annotations

import argparse
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from benchmarks.planted_data import PLANTED, Clinic, draw_clinic, subject_of
from benchmarks.simulated import simulate
from models.splitting import patient_codes
from registry.examining import examine
from registry.judging import scored_rows
from validation.gates.panel import judge
from validation.gates.result import GateResult, Verdict
from validation.limits import Fault
from validation.measuring import measure
from validation.parts import Parts
from validation.policy import Policy, load_policy
from validation.probed import Probed
from validation.probes.membership import membership
from validation.probes.perturbing import perturb
from validation.probes.rebuilding import rebuild
from validation.probes.refitting import refit
from validation.probes.serving import probe_serving
from validation.probes.subject import Subject

SCORED = {"noise", "slope", "shift", "unseen", "blind", "leak", "behind"}
"""Faults that `benchmarks.simulated.simulate` plants in scores; the others are planted in data."""
HONEST = Fault(name="none", size=0, gate="", check="", reason="no fault is planted here", changed_by="engineer")
REPLICATES = 200
Judged = tuple[GateResult, ...]


def main() -> None:
    """Print both tables."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--runs", type=int, default=100, help="of each fault in scores")
    arguments.add_argument("--rows", type=int, default=20_000, help="held-out rows of such a run")
    arguments.add_argument("--scale", type=float, default=1.0, help="of the sizes, to see what smaller faults do")
    arguments.add_argument("--fits", type=int, default=20, help="of each fault in data")
    asked = arguments.parse_args()
    policy = fewer_replicates(load_policy("no-show"))
    faults = [scaled(fault, asked.scale) for fault in policy.faults]
    in_scores = [fault for fault in faults if fault.name in SCORED]
    in_data = [fault for fault in faults if fault.name in PLANTED]
    head(f"{asked.runs} runs of {asked.rows:,} simulated held-out rows, {REPLICATES} replicates")
    for fault in (HONEST, *in_scores):
        show(fault, (of_scores(fault, policy, asked.rows, seed) for seed in range(asked.runs)))
    if not asked.fits:
        return
    head(f"{asked.fits} fits on synthetic appointments, {REPLICATES} replicates")
    with tempfile.TemporaryDirectory() as folder:
        clinics = [draw_clinic(place(folder, seed), seed) for seed in range(asked.fits)]
        for fault in (HONEST, *in_data):
            tries = enumerate(clinics)
            show(fault, (of_data(fault, clinic, policy, place(folder, seed), seed) for seed, clinic in tries))


def scaled(fault: Fault, scale: float) -> Fault:
    """Return `fault` at `scale` of its size; factors are scaled from 1, at which they change nothing."""
    start = 1.0 if fault.name == "slope" else 0.0
    return fault.model_copy(update={"size": start + scale * (fault.size - start)})


def place(folder: str, seed: int) -> Path:
    """Return a folder of its own for `seed`."""
    path = Path(folder) / str(seed)
    path.mkdir(exist_ok=True)
    return path


def of_scores(fault: Fault, policy: Policy, rows: int, seed: int) -> Judged:
    """Judge simulated rows with `fault` in their scores; probes have nothing to look at."""
    planted = {} if fault is HONEST else {fault.name: fault.size}
    return judge(measure(simulate(rows, seed=seed, **planted), policy), policy)


def of_data(fault: Fault, clinic: Clinic, policy: Policy, folder: Path, seed: int) -> Judged:
    """Fit, probe and judge a model on `clinic` with `fault` planted."""
    planted = "" if fault is HONEST else fault.name
    subject = subject_of(clinic, policy, folder, seed, planted, fault.size)
    held_out = subject.held_out
    scored = scored_rows(subject.spec, held_out, subject.model.predict(held_out))
    probed = examine(subject, {}) if fault is HONEST else PROBES.get(fault.gate, nothing)(subject)
    return judge(measure(scored, policy, sides(subject), probed), policy)


def nothing(_subject: Subject) -> Probed:
    """Probe nothing: the gate looks at the rows alone."""
    return Probed()


PROBES: Mapping[str, Callable[[Subject], Probed]] = {
    "leakage": lambda subject: Probed(rebuilt=rebuild(subject)),
    "privacy": lambda subject: Probed(membership=membership(subject)),
    "robustness": lambda subject: Probed(perturbed=perturb(subject)),
    "stability": lambda subject: Probed(refits=refit(subject)),
    "serving": lambda subject: Probed(served=probe_serving(subject)),
}
"""What has to be probed for the gate that a fault should be found by; of honest models everything is."""


def sides(subject: Subject) -> Parts:
    """Return both sides of the subject's split."""
    patient, inputs = patient_codes(subject.rows), subject.model.encode(subject.rows)
    return Parts(
        split=subject.spec.split.by,
        names=subject.spec.feature_names,
        train_patient=patient[subject.train],
        test_patient=patient[subject.test],
        train_inputs=inputs[subject.train],
        test_inputs=inputs[subject.test],
    )


def verdict(fault: Fault, results: Judged) -> str:
    """Return the verdict of the check that has to find `fault`; of honest rows, whether any check fails."""
    checks = [check for result in results for check in result.checks if fault.gate in {"", result.gate}]
    said = [check.verdict.value for check in checks if check.name.startswith(fault.check)]
    return next(word for word in ("failed", "cannot-tell", "passed") if word in said)


def alarms(results: Judged) -> list[str]:
    """Return the gates and checks that failed."""
    checks = [(result.gate, check) for result in results for check in result.checks]
    return [f"{gate}: {check.name}" for gate, check in checks if check.verdict is Verdict.FAILED]


def head(title: str) -> None:
    """Print the head of a table."""
    print(f"\n{title}\n{'planted':34}{'found by':44}{'failed':>8}{'asked':>7}{'silent':>8}{'found':>8}", flush=True)


def show(fault: Fault, runs: Iterator[Judged]) -> None:
    """Print how often `fault` was found, and of honest runs which checks cried wolf."""
    said: Counter[str] = Counter()
    wolves: Counter[str] = Counter()
    for results in runs:
        said[verdict(fault, results) if fault is not HONEST else ("failed" if alarms(results) else "passed")] += 1
        wolves.update(alarms(results) if fault is HONEST else [])
    planted = fault.name if fault is HONEST else f"{fault.name} {fault.size:g}"
    where = f"{fault.gate}: {fault.check}" if fault.gate else "(a check that fails is a false alarm)"
    share = said["failed"] / said.total()
    counts = f"{said['failed']:8}{said['cannot-tell']:7}{said['passed']:8}{share:8.0%}"
    print(f"{planted:34}{where:44}{counts}{f'   {dict(wolves)}' if wolves else ''}", flush=True)


def fewer_replicates(policy: Policy) -> Policy:
    """Return `policy` with fewer replicates: verdicts hardly change, and many runs are wanted."""
    content = policy.model_dump()
    content["bootstrap"]["replicates"]["value"] = REPLICATES
    return Policy.model_validate(content)


if __name__ == "__main__":
    main()
