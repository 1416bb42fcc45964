"""What was measured of a model, in sentences that a card can hold."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from registry.evidence import Evidence
from registry.report_words import metric_words
from registry.worries import briefly, worries
from validation.bootstrap import Draws
from validation.gates.result import GateResult, Verdict

SHOWN = ("auc", "pr_auc", "brier", "slope")
SAFETY = ("accuracy", "calibration", "leakage", "robustness", "stability", "champion", "privacy", "serving")
"""Gates that speak of safety and reliability."""
ELSEWHERE = ("synthetic", "public")
"""Legal bases of rows that are not the house's own."""


def measures(evidence: Evidence) -> dict[str, str]:
    """Return every measured fact by the id that the card's fields use."""
    validity, fairness = _validity(evidence), " ".join(_in_groups(evidence.gates))
    own = evidence.snapshot.basis not in ELSEWHERE
    return {
        "validity": validity,
        "fairness_measures": fairness,
        "local_validity": f"The held-out rows are the house's own. {validity}" if own else "",
        "local_fairness": f"The held-out rows are the house's own. {fairness}" if own else "",
        "limitations": " ".join(concerns(evidence, tuple(gate.gate for gate in evidence.gates))),
        **_test(evidence),
        **_usefulness(evidence),
        **_fairness(evidence, fairness),
        **_safety(evidence, validity),
    }


def concerns(evidence: Evidence, gates: tuple[str, ...]) -> Iterator[str]:
    """Say what failed, is waived or cannot be told by any of `gates`; the report names intersections one by one."""
    for worry in worries(evidence.gates):
        named = [gate for gate in worry.gates if gate in gates]
        if named:
            groups = f" ({briefly(worry.groups, len(worry.groups))})" if worry.groups else ""
            waived = f" Waived until {worry.waiver.until.isoformat()} by {worry.waiver.owner}." if worry.waiver else ""
            what = f"{', '.join(worry.what)}{groups}"
            yield f"{', '.join(named)} {worry.verdict}: {what}: {worry.why.rstrip('.')}.{waived}"


def _validity(evidence: Evidence) -> str:
    metrics, confidence = evidence.measured.overall.metrics, evidence.policy.bootstrap.confidence.value
    shown = "; ".join(f"{metric_words(name)} {_bounds(metrics[name], confidence)}" for name in SHOWN)
    return f"{shown}; {confidence:.0%} bounds by a bootstrap of patients; {_size(evidence)}."


def _size(evidence: Evidence) -> str:
    overall = evidence.measured.overall
    return f"{overall.n:,} rows of {overall.patients:,} patients, {overall.positives:,} positive"


def _bounds(draws: Draws, confidence: float, place: int = 0) -> str:
    low, high = draws.interval(confidence)
    return f"{draws.sample[place]:.3f} ({low[place]:.3f} to {high[place]:.3f})"


def _test(evidence: Evidence) -> dict[str, str]:
    policy, bootstrap = evidence.policy, evidence.policy.bootstrap
    split = evidence.training.get("split", "")
    return {
        "test_type": "Retrospective, on held-out rows of the same source as the training data.",
        "test_data": f"{_size(evidence)}, snapshot {evidence.snapshot.digest}{f', split: {split}' if split else ''}.",
        "test_process": (
            f"Every figure has {bootstrap.confidence.value:.0%} bounds by {bootstrap.replicates.value:,} bootstrap "
            "samples of patients, because rows of one patient are not independent, and is held against a limit that "
            f"was written with its reason beforehand (policy {policy.digest}). A verdict is decided on the bound."
        ),
    }


def _usefulness(evidence: Evidence) -> dict[str, str]:
    found, limits = evidence.measured.usefulness, evidence.policy.gates.usefulness
    answer = {
        "usefulness_goal": f"{limits.thresholds.reason} {limits.net_benefit.reason}",
        "usefulness_interpretation": _interpretation(evidence, ("usefulness",)),
    }
    if found is None:
        return answer
    confidence = evidence.policy.bootstrap.confidence.value
    worth = "; ".join(
        f"{_bounds(found.net_benefit, confidence, place)} at {threshold:g}"
        for place, threshold in enumerate(found.thresholds)
    )
    acts = _bounds(found.acts_per_outcome, confidence)
    return answer | {"usefulness_result": f"Net benefit {worth}. Rows acted on for each with the outcome: {acts}."}


def _fairness(evidence: Evidence, found: str) -> dict[str, str]:
    return {
        "fairness_goal": evidence.policy.gates.bias.harm,
        "fairness_result": found,
        "fairness_interpretation": _interpretation(evidence, ("bias", "calibration")),
    }


def _safety(evidence: Evidence, validity: str) -> dict[str, str]:
    return {
        "safety_goal": evidence.policy.gates.accuracy.auc.reason,
        "safety_result": f"{validity} {' '.join(_alone(evidence.gates))}".strip(),
        "safety_interpretation": _interpretation(evidence, SAFETY),
    }


def _interpretation(evidence: Evidence, gates: tuple[str, ...]) -> str:
    said = [f"{gate.gate} {gate.verdict}" for gate in evidence.gates if gate.gate in gates]
    if not said:
        return ""
    return " ".join([f"Gates: {', '.join(said)}.", *concerns(evidence, gates)])


def _in_groups(gates: tuple[GateResult, ...]) -> Iterator[str]:
    for gate in gates:
        judged = [check.verdict for check in gate.checks if check.group]
        if judged:
            yield f"{gate.gate} in groups: {_tally(judged)}."


def _alone(gates: tuple[GateResult, ...]) -> Iterator[str]:
    for gate in gates:
        judged = [check.verdict for check in gate.checks if not check.group]
        if judged and gate.gate in SAFETY:
            yield f"{gate.gate}: {_tally(judged)}."


def _tally(verdicts: list[Verdict]) -> str:
    tally: Mapping[str, int] = {verdict.value: verdicts.count(verdict) for verdict in _ORDER}
    return ", ".join(f"{count} {verdict}" for verdict, count in tally.items())


_ORDER = (Verdict.PASSED, Verdict.CANNOT_TELL, Verdict.FAILED)
