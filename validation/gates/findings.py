"""Turns what was measured into findings that a gate can decide on."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

import numpy as np

from validation.bootstrap import Draws
from validation.gates.decide import Found
from validation.measured import Measured, Partition, Subset, judged
from validation.policy import Policy
from validation.suppression import withheld

NOTHING = float("nan")


def of_subset(subset: Subset, metric: str, confidence: float, *, name: str = "") -> Found:
    """Return a metric of `subset` with its percentile interval."""
    found = Found(name or metric, NOTHING, NOTHING, NOTHING, subset.n, subset.positives)
    if metric not in subset.metrics:
        return found
    draws = subset.metrics[metric]
    low, high = draws.interval(confidence)
    return replace(found, estimate=float(draws.sample[0]), low=float(low[0]), high=float(high[0]))


def of_groups(measured: Measured, policy: Policy, metric: str, *, log: bool = False) -> Iterator[tuple[Found, bool]]:
    """Yield a metric of every group of every partition that has it, with simultaneous bounds.

    Declared groups are one family, their intersections another: bounds hold for all groups of a family at once, and
    those of the declared groups do not widen with the number of intersections.

    Parameters
    ----------
    log
        Whether bounds are made on the logarithm, as ratios ask for.

    Yields
    ------
    tuple of Found and bool
        The finding, and whether the group is large enough to be judged.
    """
    partitions = {name: item for name, item in measured.partitions.items() if metric in item.metrics}
    enough = {name: judged(item, measured.minimum) for name, item in partitions.items()}
    declared = {name: item for name, item in partitions.items() if not item.crossed}
    crossed = {name: item for name, item in partitions.items() if item.crossed}
    confidence = policy.bootstrap.confidence.value
    bounds = {
        name: bound
        for family in (declared, crossed)
        for name, bound in _bounds(family, enough, metric, confidence, log=log).items()
    }
    for name, partition in partitions.items():
        hidden = withheld(measured.partitions, name, policy.groups.suppress_under.value)
        low, high = bounds[name]
        for place, level in enumerate(partition.levels):
            group = f"{name}={level}"
            shown = not hidden[place]
            judge = bool(enough[name][place])
            finding = Found(
                name=f"{metric}[{group}]",
                estimate=float(partition.metrics[metric].sample[place]) if judge else NOTHING,
                low=float(low[place]),
                high=float(high[place]),
                n=int(partition.n[place]) if shown else None,
                positives=int(partition.positives[place]) if shown else None,
                group=group,
            )
            yield finding, judge


def joined(draws: list[Draws]) -> Draws:
    """Put several statistics of the same draws beside each other."""
    if not draws:
        return Draws(np.zeros(0), np.zeros(0), np.zeros((1, 0)))
    return Draws(
        np.concatenate([item.sample for item in draws]),
        np.concatenate([item.centre for item in draws]),
        np.concatenate([item.replicates for item in draws], axis=1),
    )


def _bounds(
    partitions: Mapping[str, Partition],
    enough: Mapping[str, np.ndarray],
    metric: str,
    confidence: float,
    *,
    log: bool,
) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Return simultaneous bounds over the judged groups of one family, NaN for the others."""
    chosen = [item.metrics[metric].map(lambda v, at=enough[name]: v[:, at]) for name, item in partitions.items()]  # type: ignore[misc]
    family = joined(chosen)
    if log:
        with np.errstate(divide="ignore", invalid="ignore"):
            low, high = family.map(np.log).simultaneous(confidence)
        low, high = np.exp(low), np.exp(high)
    else:
        low, high = family.simultaneous(confidence)
    answer, start = {}, 0
    for name in partitions:
        mask = enough[name]
        lows, highs = np.full(len(mask), np.nan), np.full(len(mask), np.nan)
        end = start + int(mask.sum())
        lows[mask], highs[mask] = low[start:end], high[start:end]
        answer[name], start = (lows, highs), end
    return answer
