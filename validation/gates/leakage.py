"""Leakage: whether the model is too good to be true, was tested on what it had seen, or looks ahead."""

from __future__ import annotations

from collections.abc import Mapping

from validation.gates.decide import Found, at_most, cannot_tell
from validation.gates.findings import NOTHING, of_subset
from validation.gates.result import Check, GateResult, Verdict
from validation.measured import Measured
from validation.parts import Overlap
from validation.policy import Policy

NAME = "leakage"
STEPS = {
    "unavailable_features": "change when built from the rows alone that scoring hands in",
    "own_outcome": "change when the row's own outcome is taken away",
    "later_rows": "change when what came later is taken away",
}
"""What features do that read what cannot be known, by check."""
NOT_REBUILT = "features were not built again from what was known at their moment, which takes a model with a timeline"


def leakage(measured: Measured, policy: Policy) -> GateResult:
    """Judge how good model and strongest feature are, what both sides of the split share, and what was built again."""
    limits, confidence = policy.gates.leakage, policy.bootstrap.confidence.value
    auc = at_most(of_subset(measured.overall, "auc", confidence), limits.auc.value, limits.auc.reason)
    strongest = _strongest(measured, policy)
    return GateResult(NAME, (auc, strongest, *_overlap(measured, policy), *_rebuilt(measured, policy)))


def _strongest(measured: Measured, policy: Policy) -> Check:
    limit, overall = policy.gates.leakage.single_feature_auc, measured.overall
    found = Found("single_feature_auc", NOTHING, NOTHING, NOTHING, overall.n, overall.positives)
    if measured.strongest is None:
        return cannot_tell(found, limit.value, "the inputs of the test rows were not given")
    name, draws = measured.strongest
    low, high = draws.interval(policy.bootstrap.confidence.value)
    found = Found(
        f"single_feature_auc[{name}]", float(draws.sample[0]), float(low[0]), float(high[0]), found.n, found.positives
    )
    return at_most(found, limit.value, limit.reason)


def _overlap(measured: Measured, policy: Policy) -> list[Check]:
    limits, shared = policy.gates.leakage, measured.overlap
    if shared is None:
        names = ("patients_on_both_sides", "identical_rows", "duplicate_rows")
        return [cannot_tell(_nothing(name), None, "the sides of the split were not given") for name in names]
    counts = {"identical_rows": shared.identical_rows, "duplicate_rows": shared.duplicate_rows}
    checks = [_patients(shared)]
    for name, count in counts.items():
        share, limit = count / max(shared.test_rows, 1), getattr(limits, name)
        checks.append(at_most(Found(name, share, share, share, shared.test_rows, None), limit.value, limit.reason))
    return checks


def _patients(shared: Overlap) -> Check:
    """Patients on both sides break a split by patient; a split by time has them, as the model's use will."""
    share = shared.shared_patients / max(shared.test_patients, 1)
    broken = shared.split == "patient" and shared.shared_patients > 0
    reason = f"{shared.shared_patients} of {shared.test_patients} test patients also stand in the training part"
    reason += ": the split is by patient and broken" if broken else f", split by {shared.split}"
    return Check(
        name="patients_on_both_sides",
        verdict=Verdict.FAILED if broken else Verdict.PASSED,
        estimate=share,
        bound=share,
        threshold=0.0 if shared.split == "patient" else None,
        n=shared.test_patients,
        positives=None,
        reason=reason,
    )


def _rebuilt(measured: Measured, policy: Policy) -> list[Check]:
    """Judge what was built again: one row that differs fails, and too few rows cannot tell that none would."""
    rebuilt = measured.probed.rebuilt
    if rebuilt is None:
        why = measured.probed.unavailable.get("rebuilt", NOT_REBUILT)
        return [cannot_tell(_nothing(name), 0.0, why) for name in STEPS]
    asked = min(policy.gates.leakage.rebuilt_rows.value, measured.overall.n)
    found = (rebuilt.unavailable, rebuilt.own_outcome, rebuilt.later_rows)
    return [_step(name, differing, rebuilt.rows, asked, policy) for name, differing in zip(STEPS, found, strict=True)]


def _step(name: str, differing: Mapping[str, int], rows: int, asked: int, policy: Policy) -> Check:
    worst = max(differing.values(), default=0)
    share = worst / max(rows, 1)
    exact = Found(name, share, share, share, rows, None)
    if worst:
        few = policy.groups.suppress_under.value
        said = f"fewer than {few}" if worst < few else str(worst)
        features = ", ".join(sorted(differing))
        reason = f"up to {said} of {rows} rows: {features} {STEPS[name]}"
        shown = None if worst < few else share
        return Check(name, Verdict.FAILED, shown, shown, 0.0, rows, None, reason)
    if rows < asked:
        return cannot_tell(exact, 0.0, f"{rows} rows could be built again, and {asked} are asked")
    return Check(name, Verdict.PASSED, 0.0, 0.0, 0.0, rows, None, f"none of {rows} rows built again differs")


def _nothing(name: str) -> Found:
    return Found(name, NOTHING, NOTHING, NOTHING, None, None)
