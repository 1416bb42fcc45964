"""What monitoring finds: one verdict with the numbers behind it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum


class Alarm(StrEnum):
    """What is to be done about a finding."""

    OK = "ok"
    WATCH = "watch"
    ACT = "act"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at.

    Attributes
    ----------
    name
        Such as ``auc`` or ``psi[lead_days]``.
    alarm
        Decided on a bound, never on the estimate alone.
    estimate, low, high
        The figure, and what chance leaves open.
    n
        Rows behind it.
    reason
        One sentence for who has to decide.
    """

    name: str
    alarm: Alarm
    estimate: float | None
    low: float | None
    high: float | None
    n: int
    reason: str


def worst(findings: Sequence[Finding]) -> Alarm:
    """Return the gravest alarm of `findings`; without any there is nothing to go by, which is to be watched."""
    alarms = {finding.alarm for finding in findings}
    if Alarm.ACT in alarms:
        return Alarm.ACT
    return Alarm.OK if alarms == {Alarm.OK} else Alarm.WATCH
