"""Simulated held-out rows with faults of known size, for tests of the gates and their benchmark."""

from __future__ import annotations

import numpy as np

from validation.scored import Floats, Grouping, ScoredRows

AGES = ("0-17", "18-29", "30-44", "45-59", "60-74", "75+")
SHARES = (0.2, 0.18, 0.2, 0.2, 0.15, 0.07)


def simulate(
    n: int,
    *,
    seed: int,
    spread: float = 1.2,
    slope: float = 1.0,
    noise: float = 0.0,
    leak: float = 0.0,
    unseen: float = 0.0,
    blind: float = 0.0,
    shift: float = 0.0,
    behind: float = 0.0,
) -> ScoredRows:
    """Draw `n` rows of two thirds as many patients.

    Parameters
    ----------
    n, seed
        Rows, and the generator's seed.
    spread
        Standard deviation of the true log-odds: how well the outcome can be foreseen.
    slope
        What the log-odds of the scores are multiplied by: above 1 they are too extreme.
    noise
        Standard deviation of what is added to the log-odds of the scores.
    leak
        What the outcome itself adds to the log-odds of the scores.
    unseen
        Log-odds of those on welfare that the scores do not know of.
    blind
        Share of the women whose scores are shuffled among each other: for them the score says nothing.
    shift
        Log-odds of everybody that the scores do not know of.
    behind
        Standard deviation of what is added to the log-odds of the scores, and not to those of a version in use.
    """
    chance = np.random.default_rng(seed)
    patient = chance.integers(0, max(n * 2 // 3, 1), n)
    logit = -1.8 + chance.normal(0, spread * 0.5, n)[patient] + chance.normal(0, spread * 0.85, n)
    groups = _groups(chance, n)
    label = chance.random(n) < _probability(logit + shift + unseen * groups["welfare"].codes)
    seen = logit * slope + noise * chance.normal(0, 1, n) + leak * label
    blinded = np.flatnonzero((groups["sex"].codes == 0) & (chance.random(n) < blind))
    seen[blinded] = chance.permutation(seen[blinded])
    return ScoredRows(
        label=label,
        score=_probability(seen + behind * np.random.default_rng([seed, 1]).normal(0, 1, n)),
        patient=patient,
        groups=groups,
        strata={"booked_ahead": chance.random(n) < 0.65},
        baselines=_baselines(chance, logit, float(label.mean())),
        champion=_probability(seen) if behind else None,
    )


def _groups(chance: np.random.Generator, n: int) -> dict[str, Grouping]:
    return {
        "sex": Grouping(chance.integers(0, 2, n), ("female", "male")),
        "age": Grouping(chance.choice(len(AGES), n, p=SHARES), AGES),
        "welfare": Grouping((chance.random(n) < 0.15).astype(np.int64), ("no", "yes")),
    }


def _baselines(chance: np.random.Generator, logit: Floats, prevalence: float) -> dict[str, Floats]:
    n = len(logit)
    return {
        "prevalence": np.full(n, prevalence),
        "single-feature": _probability(0.5 * logit - 0.8 + chance.normal(0, 0.5, n)),
        "logistic": _probability(logit + chance.normal(0, 0.4, n)),
    }


def _probability(logit: Floats) -> Floats:
    return np.asarray(1 / (1 + np.exp(-logit)))
