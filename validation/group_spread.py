"""How far apart the groups of a partition are found, beside what chance alone would show."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from validation.bootstrap import Draws
from validation.policy import Policy
from validation.scored import Codes, Flags, Floats, Grouping, ScoredRows


@dataclass(frozen=True)
class Spread:
    """Largest minus smallest share found among the groups that are judged.

    Attributes
    ----------
    spread
        On the sample.
    noise
        95% quantile of the same between random groups of the same sizes.
    excess
        One value: the spread less the mean of the random groups'. Replicates lie around their own mean, because a
        spread drawn from a sample is wider than the sample's, as that is wider than the truth.
    """

    spread: float
    noise: float
    excess: Draws


def measure_spread(
    rows: ScoredRows, flagged: Flags, patient: Codes, grouping: Grouping, tpr: Draws, enough: Flags, policy: Policy
) -> Spread | None:
    """Return the spread of `tpr` between the groups that are `enough`; None where fewer than two are."""
    if enough.sum() < 2:
        return None
    spread = tpr.map(lambda values: np.ptp(values[:, enough], axis=1)[:, None])
    lots = _random_spreads(rows, flagged, patient, grouping, enough, policy)
    drawn = spread.replicates[np.isfinite(spread.replicates[:, 0])]
    centre = drawn.mean(axis=0) if len(drawn) else spread.sample
    excess = Draws(spread.sample - lots.mean(), centre, spread.replicates)
    return Spread(float(spread.sample[0]), float(np.quantile(lots, 0.95)), excess)


def _random_spreads(
    rows: ScoredRows, flagged: Flags, patient: Codes, grouping: Grouping, enough: Flags, policy: Policy
) -> Floats:
    """Return the spread between groups dealt to whole patients by lot, shape (draws,)."""
    order = np.lexsort((-grouping.codes, patient))
    code_of = grouping.codes[order[np.unique(patient[order], return_index=True)[1]]]
    who, place = np.unique(patient[rows.label], return_inverse=True)
    positives, found = np.bincount(place), np.bincount(place, weights=flagged[rows.label]).astype(np.float64)
    chance = np.random.default_rng(policy.bootstrap.seed.value)
    dealt = (code_of[chance.integers(0, len(code_of), len(who))] for _ in range(policy.groups.noise_draws.value))
    return np.array([_spread(code, positives, found, enough) for code in dealt])


def _spread(code: Codes, positives: Codes, found: Floats, enough: Flags) -> float:
    """Return the spread of recall when each patient with positives gets the group `code`; -1 is none."""
    slots = len(enough) + 1
    total = np.bincount(code + 1, weights=positives, minlength=slots)[1:][enough]
    hits = np.bincount(code + 1, weights=found, minlength=slots)[1:][enough]
    return float(np.ptp(hits / np.maximum(total, 1)))
