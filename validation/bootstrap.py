"""A bootstrap of patients: each replicate draws whole patients with replacement, as many as there are.

Rows of one patient are not independent, so the patient is what is drawn (Davison and Hinkley 1997, section 3.8; Field
and Welsh 2007). A replicate is never built as rows: a patient drawn twice counts twice, and every statistic is computed
from those counts, for a block of replicates at a time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from validation.scored import Codes, Floats

BLOCK_CELLS = 1_000_000
"""Counts held at a time: 8 MB in float64, which stay in the processor's cache."""

FEWEST = 30
"""Patients below which draws say nothing of others: bounds from few clusters are too narrow, and from one they close up
(Cameron, Gelbach and Miller 2008, Review of Economics and Statistics 90(3))."""


class Statistic(Protocol):
    """What can be computed from how often each patient counts."""

    def __call__(self, counts: Floats) -> Floats:
        """Return k values for each of b replicates, shape (b, k), from `counts`, shape (b, patients)."""
        ...


@dataclass(frozen=True)
class Draws:
    """A statistic on the sample and on its replicates.

    Attributes
    ----------
    sample
        Shape (k,): on all rows.
    centre
        Shape (k,): on the rows that replicates were drawn from; the same as `sample` unless their number is capped.
    replicates
        Shape (b, k).
    """

    sample: Floats
    centre: Floats
    replicates: Floats

    def map(self, function: Callable[[Floats], Floats]) -> Draws:
        """Apply `function`, which maps (b, k) to (b, m), to sample and replicates alike."""
        return Draws(function(self.sample[None])[0], function(self.centre[None])[0], function(self.replicates))

    def column(self, index: int) -> Draws:
        """Return one of the values, as shape (1,) and (b, 1)."""
        return self.map(lambda values: values[:, index : index + 1])

    def beside(self, other: Draws, function: Callable[[Floats, Floats], Floats]) -> Draws:
        """Apply `function`, place by place, to these values and those of `other`, of the same draws."""
        return Draws(
            function(self.sample, other.sample),
            function(self.centre, other.centre),
            function(self.replicates, other.replicates),
        )

    @property
    def shifted(self) -> Floats:
        """Replicates moved to lie around the sample, shape (b, k)."""
        with np.errstate(invalid="ignore"):  # a rate over nothing is infinite, and has no distance to another
            return np.asarray(self.replicates + (self.sample - self.centre))

    @property
    def standard_error(self) -> Floats:
        """Standard deviation over the replicates in which the value exists, shape (k,)."""
        return np.array([_deviation(values) for values in self.replicates.T])

    def interval(self, confidence: float) -> tuple[Floats, Floats]:
        """Return the two-sided percentile bounds, shape (k,) each; NaN where half of the replicates lack one."""
        tail = (1 - confidence) / 2
        bounds = np.array([_quantiles(values, tail) for values in self.shifted.T]).reshape(-1, 2)
        return bounds[:, 0], bounds[:, 1]

    def simultaneous(self, confidence: float) -> tuple[Floats, Floats]:
        """Return bounds that hold for all k values at once, by the quantile of their largest deviation.

        References
        ----------
        Romano and Wolf 2005, Econometrica 73(4), algorithm 3.1 (studentised maximum).
        """
        error = self.standard_error
        usable = error > 0
        if not usable.any():
            return np.full(len(error), np.nan), np.full(len(error), np.nan)
        deviations = np.abs(self.replicates[:, usable] - self.centre[usable]) / error[usable]
        largest = np.nanmax(np.where(np.isfinite(deviations), deviations, 0.0), axis=1)
        reach = float(np.quantile(largest, confidence)) * error
        return self.sample - reach, self.sample + reach


def bootstrap(
    whole: Mapping[str, Statistic],
    part: Mapping[str, Statistic],
    patients: tuple[int, int],
    *,
    replicates: int,
    seed: int,
) -> dict[str, Draws]:
    """Compute every statistic on the sample and on `replicates` bootstrap samples, all from the same draws.

    Of fewer than `FEWEST` patients there is no replicate that has a value, and so there are no bounds.

    Parameters
    ----------
    whole, part
        The same statistics on all rows and on the rows that replicates are drawn from.
    patients
        Number of patients behind `whole` and behind `part`.
    replicates, seed
        How many to draw, and the generator's seed.
    """
    sample = {name: statistic(np.ones((1, patients[0])))[0] for name, statistic in whole.items()}
    centre = {name: statistic(np.ones((1, patients[1])))[0] for name, statistic in part.items()}
    parts: dict[str, list[Floats]] = {name: [] for name in part}
    for counts in patient_counts(patients[1], replicates, seed):
        for name, statistic in part.items():
            parts[name].append(statistic(counts))
    drawn = {name: np.concatenate(values) for name, values in parts.items()}
    if patients[1] < FEWEST:
        drawn = {name: np.full_like(values, np.nan) for name, values in drawn.items()}
    return {name: Draws(sample[name], centre[name], drawn[name]) for name in part}


def patient_counts(patients: int, replicates: int, seed: int) -> Iterator[Floats]:
    """Yield how often each patient is drawn, shape (block, patients): exact multinomial counts.

    In memory the replicates of a patient stand side by side, as sparse products want them.
    """
    chance = np.random.default_rng(seed)
    block = max(1, min(replicates, BLOCK_CELLS // max(patients, 1)))
    for start in range(0, replicates, block):
        counts = np.empty((min(block, replicates - start), patients))
        for row in counts:
            row[:] = np.bincount(chance.integers(0, patients, patients, dtype=np.int32), minlength=patients)
        yield np.ascontiguousarray(counts.T).T


def sampled_patients(patient: Codes, max_rows: int, seed: int) -> Codes:
    """Return the places of the rows of patients drawn at random up to `max_rows`; all rows where they fit."""
    if len(patient) <= max_rows:
        return np.arange(len(patient))
    rows_of = np.bincount(patient)
    order = np.random.default_rng(seed).permutation(len(rows_of))
    taken = order[np.cumsum(rows_of[order]) <= max_rows]
    chosen = np.zeros(len(rows_of), dtype=bool)
    chosen[taken] = True
    return np.flatnonzero(chosen[patient])


def _deviation(values: Floats) -> float:
    known = values[np.isfinite(values)]
    return float(known.std(ddof=1)) if len(known) > len(values) / 2 and len(known) > 1 else float("nan")


def _quantiles(values: Floats, tail: float) -> tuple[float, float]:
    known = values[np.isfinite(values)]
    if len(known) <= len(values) / 2:
        return float("nan"), float("nan")
    low, high = np.quantile(known, [tail, 1 - tail])
    return float(low), float(high)
