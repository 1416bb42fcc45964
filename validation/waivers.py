"""Waivers: a failed check that somebody answers for until a day is put to the reviewer instead of ending the run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from enum import StrEnum

from validation.gates.result import Check, GateResult, Verdict, Waived
from validation.limits import UNWAIVABLE, Waiver
from validation.policy import Policy


class Use(StrEnum):
    """What became of a waiver."""

    IN_USE = "in use"
    EXPIRED = "expired: the check failed, and nobody answers for it any more"
    NOT_NEEDED = "not needed: the check did not fail"
    UNKNOWN = "unknown: no check of this name was made"


@dataclass(frozen=True, slots=True)
class UsedWaiver:
    """A waiver of the policy, and what became of it."""

    waiver: Waiver
    use: Use


def apply_waivers(gates: Sequence[GateResult], policy: Policy, today: date) -> tuple[GateResult, ...]:
    """Return `gates` with every failed check that has a waiver put to the reviewer.

    A failed check with a waiver that holds today becomes cannot-tell, keeps its numbers and its reason, and carries the
    waiver; one whose waiver ended stays failed and says so. No other check is touched.

    Parameters
    ----------
    gates
        As the panel gave them.
    policy
        Whose waivers they are.
    today
        The day on which the run is judged.
    """
    return tuple(
        replace(gate, checks=tuple(_waived(gate.gate, check, policy, today) for check in gate.checks)) for gate in gates
    )


def in_force(policy: Policy, today: date) -> tuple[Waiver, ...]:
    """Return the waivers of `policy` that hold today, in its order."""
    return tuple(waiver for waiver in policy.waivers if waiver.until >= today)


def ends(gates: Sequence[GateResult]) -> date | None:
    """Return the earliest last day of the waivers in use, None where none is."""
    return min((check.waiver.until for gate in gates for check in gate.checks if check.waiver), default=None)


def uses(gates: Sequence[GateResult], policy: Policy) -> tuple[UsedWaiver, ...]:
    """Return what became of every waiver of `policy`, in its order, by `gates` as `apply_waivers` gave them."""
    return tuple(UsedWaiver(waiver, _use(gates, waiver)) for waiver in policy.waivers)


def _waived(gate: str, check: Check, policy: Policy, today: date) -> Check:
    meant = [item for item in policy.waivers if (item.gate, item.check) == (gate, check.name)]
    if check.verdict is not Verdict.FAILED or gate in UNWAIVABLE or not meant:
        return check
    last = max(meant, key=lambda item: item.until)
    if last not in in_force(policy, today):
        return replace(check, reason=f"{check.reason} (its waiver by {last.owner} ended on {last.until.isoformat()})")
    return replace(check, verdict=Verdict.CANNOT_TELL, waiver=Waived(last.reason, last.owner, last.until))


def _use(gates: Sequence[GateResult], waiver: Waiver) -> Use:
    checks = [
        check for gate in gates if gate.gate == waiver.gate for check in gate.checks if check.name == waiver.check
    ]
    if not checks:
        return Use.UNKNOWN
    said = Waived(waiver.reason, waiver.owner, waiver.until)
    if any(check.waiver == said for check in checks):
        return Use.IN_USE
    return Use.EXPIRED if any(check.verdict is Verdict.FAILED for check in checks) else Use.NOT_NEEDED
