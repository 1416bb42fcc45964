"""Tables of the report: groups with their metrics, and the policy's numbers with their reasons."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from registry.evidence import Evidence
from validation.gates.result import Check
from validation.measured import Measured, judged
from validation.policy import Policy
from validation.suppression import withheld

RATES = ("selection_rate", "tpr", "fpr", "ppv")
BOUNDED = ("observed_expected", "auc", "tpr_ratio")


@dataclass(frozen=True, slots=True)
class GroupRow:
    """A group as the report shows it.

    Attributes
    ----------
    level
        Its name.
    n, positives
        None where withheld.
    rates
        Selection rate, TPR, FPR and PPV as fairlearn estimates them; None where withheld or not defined.
    checks
        The gates' checks of the group by metric; without numbers where it is too small to be judged.
    judged
        Whether it is large enough.
    """

    level: str
    n: int | None
    positives: int | None
    rates: Mapping[str, float | None]
    checks: Mapping[str, Check]
    judged: bool


@dataclass(frozen=True, slots=True)
class GroupTable:
    """The groups of a partition; `spread`, `noise` and `crossed` as in `validation.measured.Partition`."""

    name: str
    rows: tuple[GroupRow, ...]
    spread: float | None
    noise: float | None
    crossed: bool


def group_tables(evidence: Evidence) -> tuple[GroupTable, ...]:
    """Return a table for every partition, declared ones first."""
    checks = {
        (check.name.partition("[")[0], check.group): check
        for gate in evidence.gates
        for check in gate.checks
        if check.group
    }
    under = evidence.policy.groups.suppress_under.value
    return tuple(
        GroupTable(
            name,
            tuple(_rows(name, evidence.measured, checks, under)),
            item.spread,
            item.noise,
            item.crossed,
        )
        for name, item in evidence.measured.partitions.items()
    )


def _rows(name: str, measured: Measured, checks: Mapping[tuple[str, str], Check], under: int) -> Iterator[GroupRow]:
    partition, hidden = measured.partitions[name], withheld(measured.partitions, name, under)
    enough = judged(partition, measured.minimum)
    for place, level in enumerate(partition.levels):
        shown = not hidden[place]
        group = f"{name}={level}"
        yield GroupRow(
            level=level,
            n=int(partition.n[place]) if shown else None,
            positives=int(partition.positives[place]) if shown else None,
            rates={key: _finite(partition.fairlearn[key][place]) if shown else None for key in RATES},
            checks={metric: checks[metric, group] for metric in BOUNDED if (metric, group) in checks},
            judged=bool(enough[place]),
        )


def _finite(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None


@dataclass(frozen=True, slots=True)
class PolicyRow:
    """One number of the policy: where it stands, its value, why, and who may change it."""

    name: str
    value: str
    reason: str
    changed_by: str


def policy_rows(policy: Policy) -> tuple[PolicyRow, ...]:
    """Return every part of the policy that has a reason, in the file's order."""
    return tuple(_walk("", policy.model_dump(mode="json")))


def _walk(name: str, part: Mapping[str, Any]) -> Iterator[PolicyRow]:
    if "reason" in part:
        plain = {key: value for key, value in part.items() if key not in {"reason", "changed_by"}}
        shown = {key: value for key, value in plain.items() if isinstance(value, int | float | str)}
        value = ", ".join(f"{key} {value}" if key != "value" else f"{value}" for key, value in shown.items())
        yield PolicyRow(name, value, part["reason"], part["changed_by"])
    for key, item in part.items():
        if isinstance(item, Mapping):
            yield from _walk(f"{name}.{key}" if name else key, item)
