"""All gates in the order in which a reviewer reads them."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from validation.gates.accuracy import accuracy
from validation.gates.bias import bias
from validation.gates.calibration import calibration
from validation.gates.champion import champion
from validation.gates.leakage import leakage
from validation.gates.privacy import privacy
from validation.gates.result import GateResult, Verdict, overall
from validation.gates.robustness import robustness
from validation.gates.serving import serving
from validation.gates.stability import stability
from validation.gates.usefulness import usefulness
from validation.measured import Measured
from validation.policy import Policy

Gate = Callable[[Measured, Policy], GateResult]

PANEL: tuple[Gate, ...] = (
    accuracy,
    calibration,
    bias,
    leakage,
    robustness,
    stability,
    champion,
    privacy,
    serving,
    usefulness,
)
"""A new gate is one file and its name here."""


def judge(measured: Measured, policy: Policy) -> tuple[GateResult, ...]:
    """Put what was measured before every gate."""
    return tuple(gate(measured, policy) for gate in PANEL)


def status(results: Sequence[GateResult]) -> Verdict:
    """Return the verdict of all gates together, which decides whether a model may be registered."""
    return overall([result.verdict for result in results])
