"""How a comparison is decided: on the bounds of an interval, never on the estimate.

Passed when the whole interval lies on the good side of the threshold, failed when all of it lies on the bad side, and
cannot-tell when the threshold lies inside it or there is no interval at all.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from validation.gates.result import Check, Verdict


@dataclass(frozen=True, slots=True)
class Found:
    """An estimate with its interval, and what it rests on.

    Attributes
    ----------
    name
        What was measured, such as ``auc`` or ``auc[age=60-74]``.
    estimate, low, high
        Point estimate and confidence bounds; NaN where they do not exist.
    n, positives
        Rows and positive rows; None where they may not be shown.
    group
        The group, as ``partition=level``, or empty.
    """

    name: str
    estimate: float
    low: float
    high: float
    n: int | None
    positives: int | None
    group: str = ""


def at_least(found: Found, floor: float, words: str) -> Check:
    """Hold `found` against a floor; `words` say what is below it."""
    if not _bounded(found):
        return cannot_tell(found, floor, "no bound can be computed from so few rows")
    if found.low >= floor:
        reason = f"at least {_show(found.low)}, and {_show(floor)} is asked"
        return _check(found, Verdict.PASSED, found.low, floor, reason)
    if found.high < floor:
        reason = f"at most {_show(found.high)}, and {_show(floor)} is asked: {words}"
        return _check(found, Verdict.FAILED, found.high, floor, reason)
    return _check(found, Verdict.CANNOT_TELL, found.low, floor, _open(found, f"the floor of {_show(floor)}"))


def at_most(found: Found, ceiling: float, words: str) -> Check:
    """Hold `found` against a ceiling; `words` say what is above it."""
    if not _bounded(found):
        return cannot_tell(found, ceiling, "no bound can be computed from so few rows")
    if found.high <= ceiling:
        reason = f"at most {_show(found.high)}, and {_show(ceiling)} is allowed"
        return _check(found, Verdict.PASSED, found.high, ceiling, reason)
    if found.low > ceiling:
        reason = f"at least {_show(found.low)}, and {_show(ceiling)} is allowed: {words}"
        return _check(found, Verdict.FAILED, found.low, ceiling, reason)
    return _check(found, Verdict.CANNOT_TELL, found.high, ceiling, _open(found, f"the ceiling of {_show(ceiling)}"))


def within(found: Found, low: float, high: float, words: str) -> Check:
    """Hold `found` against both ends of a range, and answer with the end that decides."""
    below, above = at_least(found, low, words), at_most(found, high, words)
    for verdict in (Verdict.FAILED, Verdict.CANNOT_TELL):
        for check in (below, above):
            if check.verdict is verdict:
                return check
    nearer = below if found.low - low <= high - found.high else above
    reason = f"between {_show(found.low)} and {_show(found.high)}, and {_show(low)} to {_show(high)} is asked"
    return replace(nearer, reason=reason)


def cannot_tell(found: Found, threshold: float | None, why: str) -> Check:
    """Answer that the rows do not say, and `why`."""
    return _check(found, Verdict.CANNOT_TELL, None, threshold, why)


def _check(found: Found, verdict: Verdict, bound: float | None, threshold: float | None, reason: str) -> Check:
    return Check(
        name=found.name,
        verdict=verdict,
        estimate=_number(found.estimate),
        bound=_number(bound),
        threshold=threshold,
        n=found.n,
        positives=found.positives,
        reason=reason,
        interval=(_rounded(found.low), _rounded(found.high)) if _bounded(found) else None,
        group=found.group,
    )


def _bounded(found: Found) -> bool:
    return all(math.isfinite(value) for value in (found.estimate, found.low, found.high))


def _open(found: Found, threshold: str) -> str:
    return f"{threshold} lies inside {_show(found.low)} to {_show(found.high)}: more rows are needed to tell"


def _number(value: float | None) -> float | None:
    return _rounded(value) if value is not None and math.isfinite(value) else None


def _rounded(value: float) -> float:
    """Keep six digits: the rest is noise, and may differ between machines."""
    return float(f"{value:.6g}")


def _show(value: float) -> str:
    return f"{value:.3f}".rstrip("0").rstrip(".") if abs(value) < 10 else f"{value:.0f}"
