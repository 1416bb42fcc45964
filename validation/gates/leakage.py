"""Leakage: whether the model is too good to be true, or was tested on what it had seen."""

from __future__ import annotations

from validation.gates.decide import Found, at_most, cannot_tell
from validation.gates.findings import NOTHING, of_subset
from validation.gates.result import Check, GateResult, Verdict
from validation.measured import Measured
from validation.parts import Overlap
from validation.policy import Policy

NAME = "leakage"


def leakage(measured: Measured, policy: Policy) -> GateResult:
    """Judge the AUC of the model and of its strongest feature, and what both sides of the split share."""
    limits, confidence = policy.gates.leakage, policy.bootstrap.confidence.value
    auc = at_most(of_subset(measured.overall, "auc", confidence), limits.auc.value, limits.auc.reason)
    return GateResult(NAME, (auc, _strongest(measured, policy), *_overlap(measured, policy)))


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
    limit, shared = policy.gates.leakage.identical_rows, measured.overlap
    if shared is None:
        names = ("patients_on_both_sides", "identical_rows")
        nothing = [Found(name, NOTHING, NOTHING, NOTHING, None, None) for name in names]
        return [cannot_tell(found, None, "the training side was not given") for found in nothing]
    share = shared.identical_rows / max(shared.test_rows, 1)
    identical = Found("identical_rows", share, share, share, shared.test_rows, None)
    return [_patients(shared), at_most(identical, limit.value, limit.reason)]


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
