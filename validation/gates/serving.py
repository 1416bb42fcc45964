"""Serving: whether the very files that would be served give the same scores, within the budgets."""

from __future__ import annotations

from dataclasses import replace

from validation.gates.decide import Found, at_most, cannot_tell
from validation.gates.findings import NOTHING
from validation.gates.result import Check, GateResult, Verdict
from validation.measured import Measured
from validation.policy import Policy
from validation.policy_terms import Number
from validation.probed import Served

NAME = "serving"


def serving(measured: Measured, policy: Policy) -> GateResult:
    """Judge what `measured.probed` holds of the model's files in a process of their own."""
    served = measured.probed.served
    if served is None:
        why = measured.probed.unavailable.get("served", "the files were not loaded in a process of their own")
        return GateResult(NAME, (cannot_tell(Found("loads", NOTHING, NOTHING, NOTHING, None, None), None, why),))
    return judge_served(served, policy)


def judge_served(served: Served, policy: Policy) -> GateResult:
    """Judge the files of any folder, such as an approved copy, by the same limits: exact comparisons, no bounds."""
    limits = policy.gates.serving
    if served.failure:
        return GateResult(NAME, (_loads(served),))
    budgets = (
        ("score_difference", served.largest_difference, limits.score_difference, ""),
        ("latency_ms", served.latency_ms, limits.latency_ms, " ms"),
        ("load_seconds", served.load_seconds, limits.load_seconds, " s"),
        ("size_mb", served.size_mb, limits.size_mb, " MB"),
    )
    return GateResult(NAME, (_loads(served), *(_within(served, *budget) for budget in budgets)))


def _loads(served: Served) -> Check:
    found = Found("loads", NOTHING, NOTHING, NOTHING, served.rows, None)
    verdict = Verdict.FAILED if served.failure else Verdict.PASSED
    said = served.failure or f"{served.rows:,} rows were scored in a process of their own"
    return replace(cannot_tell(found, None, said), verdict=verdict)


def _within(served: Served, name: str, value: float, limit: Number, unit: str) -> Check:
    check = at_most(Found(name, value, value, value, served.rows, None), limit.value, limit.reason)
    if check.verdict is Verdict.CANNOT_TELL:
        return replace(check, verdict=Verdict.FAILED, reason=f"no number, and {limit.value:g}{unit} is allowed")
    said = f"{value:.3g}{unit}, and {limit.value:g}{unit} is allowed"
    return replace(check, reason=said if check.verdict is Verdict.PASSED else f"{said}: {limit.reason}")
