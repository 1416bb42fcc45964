"""What a reviewer should worry about: failed checks, waived ones and those that cannot tell, put together by cause."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

from registry.report_words import label, metric_words
from validation.gates.result import Check, GateResult, Verdict, Waived
from validation.groups import CROSSING

INSIDE = "the policy's limit lies inside the bounds, more rows are needed to tell"
UNJUDGED = ("groups that could not be judged",)


@dataclass(frozen=True, slots=True)
class Worry:
    """Checks with one verdict and one cause.

    Attributes
    ----------
    gates, verdict
        Whose answer it is.
    what
        What was compared, in words.
    why
        The cause, in words.
    groups
        The groups that it concerns, by name, as ``partition=level``; empty where it is not about groups.
    waiver
        Where it failed and somebody answers for it.
    """

    gates: tuple[str, ...]
    verdict: Verdict
    what: tuple[str, ...]
    why: str
    groups: tuple[str, ...] = ()
    waiver: Waived | None = None

    @property
    def mark(self) -> Verdict:
        """What the check itself said: a waiver makes no failure less of one."""
        return Verdict.FAILED if self.waiver else self.verdict

    @property
    def gate(self) -> str:
        """The gates by name."""
        return ", ".join(self.gates)


def worries(gates: Sequence[GateResult]) -> tuple[Worry, ...]:
    """Return failed checks first, then waived ones, then every check that cannot tell, groups of one cause together."""
    order: tuple[Callable[[Check], bool], ...] = (_failed, _waived, _open)
    found = [worry for kind in order for gate in gates for worry in _of_gate(gate, kind)]
    merged = _merged(found, _same_cause)
    return tuple(replace(item, what=UNJUDGED) if _is_unjudged(item) and len(item.what) > 1 else item for item in merged)


def headlines(gates: Sequence[GateResult], most: int) -> tuple[tuple[Worry, ...], int]:
    """Return the gravest worries, those of one gate that cannot tell in one line, and how many more there are."""
    lines = _merged(worries(gates), _line)
    return (tuple(lines), 0) if len(lines) <= most else (tuple(lines[: most - 1]), len(lines) - most + 1)


def by_partition(groups: Iterable[str]) -> dict[str, tuple[str, ...]]:
    """Return the names of groups under the partition that they belong to, in their order."""
    answer: dict[str, tuple[str, ...]] = {}
    for group in groups:
        partition, _, level = group.partition("=")
        answer[partition] = (*answer.get(partition, ()), level)
    return answer


def briefly(groups: Sequence[str], most: int) -> str:
    """Name declared groups, at most `most`, and count the rest and the intersections."""
    declared = [group for group in groups if CROSSING not in group]
    crossed = len(groups) - len(declared)
    parts = list(declared[:most])
    if len(declared) > most:
        parts.append(f"{len(declared) - most} more")
    if crossed:
        parts.append(f"{crossed} intersection{'s' if crossed > 1 else ''}")
    return ", ".join(parts)


def _failed(check: Check) -> bool:
    return check.verdict is Verdict.FAILED


def _waived(check: Check) -> bool:
    return check.waiver is not None


def _open(check: Check) -> bool:
    return check.verdict is Verdict.CANNOT_TELL and check.waiver is None


def _of_gate(gate: GateResult, kind: Callable[[Check], bool]) -> Iterable[Worry]:
    checks = [check for check in gate.checks if kind(check)]
    alone = [check for check in checks if not check.group]
    yield from (Worry((gate.gate,), check.verdict, (label(check),), check.reason, (), check.waiver) for check in alone)
    causes: dict[tuple[str, str, Waived | None], list[str]] = {}
    for check in checks:
        if check.group:
            causes.setdefault((check.name.partition("[")[0], _cause(check), check.waiver), []).append(check.group)
    for (name, why, waiver), groups in causes.items():
        verdict = Verdict.FAILED if kind is _failed else Verdict.CANNOT_TELL
        yield Worry((gate.gate,), verdict, (metric_words(name),), why, tuple(groups), waiver)


def _cause(check: Check) -> str:
    """Put checks of groups together: those that were decided by what the policy says, the others by what is lacking.

    A waived one keeps its numbers: somebody answers for just that.
    """
    if check.waiver:
        return check.reason
    if not _open(check):
        return check.reason.partition(": ")[2] or check.reason
    return INSIDE if check.interval else check.reason


def _is_unjudged(worry: Worry) -> bool:
    """Tell whether it is about groups that could not be judged at all, by one gate as by another."""
    return bool(worry.groups) and worry.verdict is Verdict.CANNOT_TELL and not worry.waiver and worry.why != INSIDE


def _same_cause(worry: Worry) -> object:
    """Return what puts worries under one cause: groups that no gate could judge, and checks that lack the same."""
    if _is_unjudged(worry):
        return worry.why
    return None if worry.groups or worry.waiver else (worry.gates, worry.verdict, worry.why)


def _line(worry: Worry) -> object:
    """Return what puts a worry into one line with others: its gate, where that cannot tell."""
    if worry.verdict is Verdict.FAILED or worry.waiver or _is_unjudged(worry):
        return None
    return worry.gates, bool(worry.groups)


def _merged(found: Iterable[Worry], key: Callable[[Worry], object]) -> list[Worry]:
    """Put worries of one key together in the place of the first; those without one stand alone, the unjudged last."""
    lines: dict[object, Worry] = {}
    for place, worry in enumerate(found):
        of = key(worry)
        at = place if of is None else of
        lines[at] = _joined(lines[at], worry) if at in lines else worry
    return sorted(lines.values(), key=_is_unjudged)


def _joined(one: Worry, other: Worry) -> Worry:
    return replace(
        one,
        gates=tuple(dict.fromkeys((*one.gates, *other.gates))),
        what=tuple(dict.fromkeys((*one.what, *other.what))),
        why=one.why if one.why == other.why else "for more than one reason",
        groups=tuple(dict.fromkeys((*one.groups, *other.groups))),
    )
