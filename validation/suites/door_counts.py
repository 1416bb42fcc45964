"""What the door says that it did about a raw finding, held against what the door counted."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace

from crm.source import RawTables
from validation.suites.result import Finding, Outcome, SuiteResult

NAMED = re.compile(r"`([a-z-]+)`")
"""A rule of the door, as `Rule.done` names it."""


def with_door_counts(result: SuiteResult, raw: RawTables) -> SuiteResult:
    """Put the door's own count beside each of its rules that a broken finding names.

    Where the door counted nothing at all and held back fewer rows than were found, it did not do what is said: the
    finding then stands as if nothing were done.
    """
    counts = door_counts(raw)
    findings = tuple(_counted(each, counts, raw.rejected.height) for each in result.findings)
    return replace(result, findings=findings)


def door_counts(raw: RawTables) -> Mapping[str, int]:
    """Return how many rows the door held back or mended, by rule."""
    held_back = dict(raw.rejected["rule"].value_counts().iter_rows())
    return {**raw.repaired, **held_back}


def _counted(finding: Finding, counts: Mapping[str, int], held_back: int) -> Finding:
    named = NAMED.findall(finding.done)
    if finding.outcome is not Outcome.BROKEN or not named:
        return finding
    if not any(counts.get(name) for name in named) and held_back < (finding.unexpected or 0):
        return replace(finding, done="", reason=f"{finding.reason}; and the door counted none of them")
    return replace(finding, done=NAMED.sub(lambda found: f"{found[0]}: {counts.get(found[1], 0):,}", finding.done))
