"""Inputs: whether the model is told a declared group, by name or by another.

A structural check: which columns the booster sees is a fact, and a column that tells a group nearly always is one as
well. Only the policy can allow it, with a reason that the reviewer reads.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from validation.gates.decide import Found, cannot_tell
from validation.gates.findings import NOTHING
from validation.gates.result import Check, Verdict
from validation.measured import Measured
from validation.policy import Policy
from validation.probed import Proxy

NAME = "inputs"
TOO_SMALL = "no declared group has enough rows among the held-out ones to see how well features tell it"
NOT_SCANNED = "how well features tell the declared groups was not probed"


@dataclass(frozen=True, slots=True)
class _Told:
    """A declared grouping that a feature tells: by name, or by its AUC for one of the levels."""

    feature: str
    group: str
    words: str
    auc: float | None = None
    n: int | None = None


def judge_inputs(measured: Measured, policy: Policy) -> tuple[Check, ...]:
    """Judge every feature that is a declared group or tells one, and say so where none does."""
    told = {(item.feature, item.group): item for item in (*_by_proxy(measured, policy), *_by_name(measured))}
    checks = [_judge(item, policy) for _, item in sorted(told.items())]
    if not any(_scanned(item) for item in measured.probed.proxies):
        why = TOO_SMALL if measured.probed.proxies else measured.probed.unavailable.get("proxies", NOT_SCANNED)
        checks.append(cannot_tell(Found(NAME, NOTHING, NOTHING, NOTHING, None, None), None, why))
    elif not checks:
        checks.append(_none_told(measured.probed.proxies, policy))
    return tuple(checks)


def _by_name(measured: Measured) -> Iterator[_Told]:
    for name, partition in measured.partitions.items():
        if name in measured.inputs and not partition.crossed:
            yield _Told(name, name, f"the feature {name} is the declared group {name} itself")


def _by_proxy(measured: Measured, policy: Policy) -> Iterator[_Told]:
    limit = policy.gates.bias.tells_group
    strongest: Mapping[tuple[str, str], Proxy] = {
        (item.feature, item.group.partition("=")[0]): item
        for item in sorted(measured.probed.proxies, key=lambda item: item.feature_auc)
        if item.feature_auc >= limit.value
    }
    for (feature, group), item in strongest.items():
        words = f"the feature {feature} alone tells {item.group} with an AUC of {item.feature_auc:.2f}: {limit.reason}"
        yield _Told(feature, group, words, item.feature_auc, item.n)


def _judge(told: _Told, policy: Policy) -> Check:
    allowed = [item for item in policy.gates.bias.inputs if (item.feature, item.group) == (told.feature, told.group)]
    reason = f"{told.words.rstrip('.')}; the policy allows it: {allowed[0].reason}" if allowed else told.words
    return Check(
        name=f"{NAME}[{told.feature} tells {told.group}]",
        verdict=Verdict.PASSED if allowed else Verdict.FAILED,
        estimate=told.auc,
        bound=None,
        threshold=policy.gates.bias.tells_group.value,
        n=told.n,
        positives=None,
        reason=reason,
    )


def _none_told(proxies: tuple[Proxy, ...], policy: Policy) -> Check:
    limit = policy.gates.bias.tells_group.value
    best = max(filter(_scanned, proxies), key=lambda item: item.feature_auc)
    unseen = sum(not _scanned(item) for item in proxies)
    words = f"; the nearest is {best.feature}, with an AUC of {best.feature_auc:.2f} for {best.group}"
    words += f"; {unseen} groups are too small to look at" if unseen else ""
    return Check(
        name=NAME,
        verdict=Verdict.PASSED,
        estimate=best.feature_auc,
        bound=None,
        threshold=limit,
        n=best.n,
        positives=None,
        reason=f"no feature is a declared group or tells one{words}",
    )


def _scanned(item: Proxy) -> bool:
    return math.isfinite(item.feature_auc)
