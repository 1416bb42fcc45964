"""Findings that belong together: bounds that hold for all of them at once, and one line for those that passed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from validation.bootstrap import Draws
from validation.gates.result import Check, Verdict
from validation.scored import Floats

NAMED = 3
"""Of the findings that passed, how many are named."""


def family_bounds(draws: Sequence[Draws], confidence: float) -> tuple[Floats, Floats]:
    """Return simultaneous bounds of findings that come from the same draws of patients, shape (k,) each.

    A value that no draw changes has itself as its bounds: nothing in the rows speaks against it.
    """
    sample = np.concatenate([item.sample for item in draws])
    error = np.concatenate([item.standard_error for item in draws])
    low, high = (np.where(error == 0, sample, np.nan) for _end in range(2))
    varies = error > 0
    if varies.any():
        chosen = [item for item, use in zip(draws, varies, strict=True) if use]
        centre = np.concatenate([item.centre for item in chosen])
        replicates = np.concatenate([item.replicates for item in chosen], axis=1)
        low[varies], high[varies] = Draws(sample[varies], centre, replicates).simultaneous(confidence)
    return low, high


def worst_of(
    checks: Sequence[Check], what: str, badness: Callable[[float], float] = lambda estimate: estimate
) -> tuple[Check, ...]:
    """Return every check that did not pass, and one line for all that did: the worst, with the next ones named.

    Parameters
    ----------
    checks
        Each named ``<what is asked>[<of what>]``.
    what
        What they are of, in the plural.
    badness
        Of an estimate: the greatest is the worst.
    """
    still_open = tuple(check for check in checks if check.verdict is not Verdict.PASSED)
    passed = [check for check in checks if check.verdict is Verdict.PASSED]
    if not passed:
        return still_open
    passed.sort(key=lambda check: -badness(check.estimate or 0.0))
    named = ", ".join(f"{_of_what(check)} {check.estimate or 0.0:.3g}" for check in passed[:NAMED])
    more = f"; the worst of {len(passed)} {what} that pass: {named}" if len(passed) > 1 else ""
    return (*still_open, replace(passed[0], reason=passed[0].reason + more))


def _of_what(check: Check) -> str:
    return check.name.partition("[")[2].removesuffix("]") or check.name
