"""What changed against the version in use: the gates.json of both, laid side by side."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from registry.champion import Champion

GATES = "gates.json"
COMPARED = ("auc", "pr_auc", "brier", "ece", "slope")
"""Metrics of all rows that are laid side by side."""
POLICY_LINES = 6
"""Changed numbers of the policy that are named before the rest is counted."""

Facts = Mapping[str, Any]


@dataclass(frozen=True)
class Predecessor:
    """The version in use while this one was judged.

    Attributes
    ----------
    version, digest
        Which one, and ``sha256:…`` of its content.
    signed_by, approved_on
        Who signed it, and the day of the last signature.
    gates
        Content of its ``gates.json``.
    """

    version: int
    digest: str
    signed_by: tuple[str, ...]
    approved_on: date
    gates: Facts


@dataclass(frozen=True, slots=True)
class MetricPair:
    """A metric of both versions, each on the rows that its own training did not see."""

    name: str
    before: Mapping[str, float | None]
    now: Mapping[str, float | None]


@dataclass(frozen=True, slots=True)
class Changed:
    """Something that was one thing and is another; None where it was not there."""

    name: str
    before: str | None
    now: str | None


@dataclass(frozen=True)
class Changes:
    """What changed.

    Attributes
    ----------
    metrics
        Estimates with bounds.
    verdicts, gates_added
        Gates whose verdict is another or that are asked no more, and those that were not asked before.
    features_added, features_removed
        By name; None where the older version did not write its features down.
    hyperparameters
        Those that are others.
    policy, snapshot
        Whether another policy was asked, and other data used.
    policy_numbers
        The policy's values that are others; None where the older version did not write them down.
    rows
        Rows that each was judged on, before and now.
    """

    metrics: tuple[MetricPair, ...]
    verdicts: tuple[Changed, ...]
    gates_added: tuple[str, ...]
    features_added: tuple[str, ...] | None
    features_removed: tuple[str, ...] | None
    hyperparameters: tuple[Changed, ...]
    policy: bool
    policy_numbers: tuple[Changed, ...] | None
    snapshot: bool
    rows: tuple[int | None, int | None]


def predecessor_of(champion: Champion) -> Predecessor:
    """Return `champion` as a new version is laid beside it; its files were hashed when it was read."""
    path = champion.folder / "evidence" / GATES
    gates = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    standing = champion.standing
    return Predecessor(champion.version, champion.digest, standing.signed_by, standing.approved_at.date(), gates)


def changes(current: Facts, previous: Facts) -> Changes:
    """Lay two versions side by side.

    Parameters
    ----------
    current, previous
        Content of the ``gates.json`` of each. What an older release did not write down is left out.
    """
    added, removed = _features(current.get("features"), previous.get("features"))
    verdicts = _differences(_verdicts(current), _verdicts(previous))
    return Changes(
        metrics=tuple(_metrics(current.get("metrics", {}), previous.get("metrics", {}))),
        verdicts=tuple(item for item in verdicts if item.before is not None),
        gates_added=tuple(item.name for item in verdicts if item.before is None),
        features_added=added,
        features_removed=removed,
        hyperparameters=_hyperparameters(current, previous),
        policy=current.get("policy") != previous.get("policy"),
        policy_numbers=_policy_numbers(current.get("policy_numbers"), previous.get("policy_numbers")),
        snapshot=current.get("snapshot") != previous.get("snapshot"),
        rows=(_rows(previous), _rows(current)),
    )


def policy_lines(found: Changes) -> tuple[str, ...]:
    """Return what is other in the policy in a few lines; none where it is the same."""
    if not found.policy:
        return ()
    numbers = found.policy_numbers
    if numbers is None:
        return ("the older version did not write its policy's numbers down: compare the two policies by hand",)
    if not numbers:
        return ("no number of the policy is another: its words, waivers or planted faults are",)
    lines = [f"policy: {item.name} {item.before or '–'} → {item.now or '–'}" for item in numbers[:POLICY_LINES]]
    more = len(numbers) - POLICY_LINES
    return (*lines, f"policy: and {more} more") if more > 0 else tuple(lines)


def _metrics(now: Facts, before: Facts) -> list[MetricPair]:
    return [MetricPair(name, before[name], now[name]) for name in COMPARED if name in now and name in before]


def _verdicts(facts: Facts) -> dict[str, str]:
    return {gate["gate"]: gate["verdict"] for gate in facts.get("gates", [])}


def _features(now: list[str] | None, before: list[str] | None) -> tuple[tuple[str, ...] | None, ...]:
    if now is None or before is None:
        return None, None
    return tuple(name for name in now if name not in before), tuple(name for name in before if name not in now)


def _hyperparameters(current: Facts, previous: Facts) -> tuple[Changed, ...]:
    now, before = current.get("hyperparameters"), previous.get("hyperparameters")
    return _differences(_words(now), _words(before)) if now is not None and before is not None else ()


def _policy_numbers(now: Facts | None, before: Facts | None) -> tuple[Changed, ...] | None:
    return _differences(_words(now), _words(before)) if now is not None and before is not None else None


def _words(values: Facts) -> dict[str, str]:
    return {name: f"{value:g}" if isinstance(value, float) else str(value) for name, value in values.items()}


def _differences(now: Mapping[str, str], before: Mapping[str, str]) -> tuple[Changed, ...]:
    names = dict.fromkeys([*now, *before])
    pairs = [Changed(name, before.get(name), now.get(name)) for name in names]
    return tuple(pair for pair in pairs if pair.before != pair.now)


def _rows(facts: Facts) -> int | None:
    count = facts.get("rows", {}).get("n")
    return int(count) if count is not None else None
