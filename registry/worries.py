"""What a reviewer should worry about: failed checks and those that cannot tell, put together by kind."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from validation.gates.result import Check, GateResult, Verdict

LABELS = {
    "auc": "AUC",
    "pr_auc_lift": "average precision over prevalence",
    "brier_skill": "Brier skill against",
    "ece": "expected calibration error",
    "slope": "calibration slope",
    "intercept": "calibration intercept",
    "observed_expected": "observed / expected",
    "tpr_ratio": "share found, against all others",
    "single_feature_auc": "AUC of the strongest single feature",
    "patients_on_both_sides": "patients on both sides of the split",
    "identical_rows": "identical rows on both sides",
}
"""Words for the names of checks."""


@dataclass(frozen=True, slots=True)
class Worry:
    """Checks of one gate with one verdict and one cause.

    Attributes
    ----------
    gate, verdict
        Whose answer it is.
    what
        What was compared, in words.
    why
        The cause, in words.
    groups
        The groups that it concerns, by name; empty where it is not about groups.
    """

    gate: str
    verdict: Verdict
    what: str
    why: str
    groups: tuple[str, ...] = ()


def worries(gates: Sequence[GateResult]) -> tuple[Worry, ...]:
    """Return failed checks first, then every check that cannot tell, groups of one cause together."""
    found: list[Worry] = []
    small = _too_small(gates)
    for verdict in (Verdict.FAILED, Verdict.CANNOT_TELL):
        for gate in gates:
            checks = [check for check in gate.checks if check.verdict is verdict]
            found.extend(Worry(gate.gate, verdict, label(check), check.reason) for check in checks if not check.group)
            found.extend(_of_groups(gate.gate, verdict, [check for check in checks if check.group and check.interval]))
    return (*found, small) if small else tuple(found)


def label(check: Check) -> str:
    """Return what `check` compared, in words."""
    name, _, of = check.name.partition("[")
    words = LABELS.get(name, name)
    of = of.rstrip("]").replace("_", " ")
    if words.endswith("against"):
        return f"{words} {of}"
    return f"{words} ({of})" if of else words


def _too_small(gates: Sequence[GateResult]) -> Worry | None:
    """Put groups that no gate could judge into one worry: the cause is the same for all of them."""
    checks = [(gate.gate, check) for gate in gates for check in gate.checks if check.group and not check.interval]
    if not checks:
        return None
    names = ", ".join(dict.fromkeys(gate for gate, _ in checks))
    groups = tuple(dict.fromkeys(check.group for _, check in checks))
    return Worry(names, Verdict.CANNOT_TELL, "groups that are too small", checks[0][1].reason, groups)


def _of_groups(gate: str, verdict: Verdict, checks: Sequence[Check]) -> Iterable[Worry]:
    causes: dict[tuple[str, str], list[str]] = {}
    for check in checks:
        name = check.name.partition("[")[0]
        causes.setdefault((name, _cause(check)), []).append(check.group)
    for (name, why), groups in causes.items():
        yield Worry(gate, verdict, LABELS.get(name, name), why, tuple(groups))


def _cause(check: Check) -> str:
    """Put checks of one verdict together: failed ones by what the policy says, the others by lacking rows."""
    if check.verdict is Verdict.FAILED:
        return check.reason.partition(": ")[2] or check.reason
    return "the policy's limit lies inside the bounds, more rows are needed to tell"
