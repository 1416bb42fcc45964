"""A gate's checks of groups as one table: a row a declared group, a column a metric, intersections counted."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from registry.report_words import metric_words
from validation.gates.result import Check, GateResult, Verdict
from validation.groups import CROSSING


@dataclass(frozen=True, slots=True)
class MatrixRow:
    """A group with its checks by metric; `n` and `positives` are None where withheld."""

    group: str
    n: int | None
    positives: int | None
    cells: Mapping[str, Check]


@dataclass(frozen=True, slots=True)
class Crossed:
    """How often each verdict was given on intersections, by one metric."""

    metric: str
    passed: int
    cannot_tell: int
    failed: int


@dataclass(frozen=True, slots=True)
class Matrix:
    """The checks of groups of one gate.

    Attributes
    ----------
    metrics
        Words of each column by its name.
    rows
        Declared groups.
    crossed
        Intersections, by metric.
    """

    metrics: Mapping[str, str]
    rows: tuple[MatrixRow, ...]
    crossed: tuple[Crossed, ...]


def matrix_of(gate: GateResult, elsewhere: Collection[str] = ()) -> Matrix:
    """Return the checks of groups of `gate`; columns that stand `elsewhere` are left out of the rows."""
    checks = [check for check in gate.checks if check.group]
    declared = [check for check in checks if CROSSING not in check.group and _metric(check) not in elsewhere]
    rows = tuple(_row(group, declared) for group in dict.fromkeys(check.group for check in declared))
    crossed = [check for check in checks if CROSSING in check.group]
    metrics = dict.fromkeys(_metric(check) for check in declared)
    return Matrix({name: metric_words(name) for name in metrics}, rows, _counted(crossed))


def _metric(check: Check) -> str:
    return check.name.partition("[")[0]


def _row(group: str, checks: list[Check]) -> MatrixRow:
    own = [check for check in checks if check.group == group]
    n = next((check.n for check in own if check.n is not None), None)
    positives = next((check.positives for check in own if check.positives is not None), None)
    return MatrixRow(group, n, positives, {_metric(check): check for check in own})


def _counted(checks: list[Check]) -> tuple[Crossed, ...]:
    names = dict.fromkeys(_metric(check) for check in checks)
    return tuple(_count(name, [check.verdict for check in checks if _metric(check) == name]) for name in names)


def _count(name: str, verdicts: list[Verdict]) -> Crossed:
    passed, open_ones, failed = (verdicts.count(verdict) for verdict in _ORDER)
    return Crossed(metric_words(name), passed, open_ones, failed)


_ORDER = (Verdict.PASSED, Verdict.CANNOT_TELL, Verdict.FAILED)
