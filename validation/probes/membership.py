"""Whether a row's loss gives away that it was trained on.

Held-out rows cannot stand for those not trained on: with a split by time they are later ones, and an attack would see
the season. So the spec is fitted on either half of the training patients, drawn by lot, and each row is on either side.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from models.splitting import patient_codes
from validation.bootstrap import Statistic, bootstrap
from validation.probed import Membership
from validation.probes.attacked import attacked_rows, can_be_fitted, losses, refitted
from validation.probes.subject import Subject
from validation.scored import Codes, Floats
from validation.statistics import CellSums

FOLDS = 2
"""Of patients: the threshold for one is chosen on the other."""


@dataclass(frozen=True)
class HalfFits:
    """Losses of training rows under two fits.

    Attributes
    ----------
    patient
        Shape (n,): dense codes.
    inside, outside
        Shape (n,) each: log loss under the fit on the half of the row's patient, and under the fit on the other.
    """

    patient: Codes
    inside: Floats
    outside: Floats


def membership(subject: Subject) -> Membership | None:
    """Tell rows trained on from others by the best threshold on their loss; None where a half lacks an outcome.

    The advantage is the attack's true less its false positive rate. The best of all thresholds flatters: it finds an
    advantage in noise. So each fold of patients is attacked with the threshold that is best on the other, which leaves
    noise an advantage of zero on average. A half has fewer rows to learn from than the model had and remembers more of
    each: what is found is an upper estimate.

    References
    ----------
    Yeom, Giacomelli, Fredrikson and Jha 2018, Privacy risk in machine learning, IEEE CSF, section 3.
    """
    fits = half_fits(subject)
    if fits is None:
        return None
    won = attack(fits, seed=subject.seed)
    patients = int(fits.patient.max()) + 1
    values = np.column_stack([won, np.ones(len(won))])
    sums: dict[str, Statistic] = {"sums": CellSums(fits.patient, np.zeros_like(fits.patient), values, (patients, 1))}
    settings = subject.policy.bootstrap
    draws = bootstrap(sums, sums, (patients, patients), replicates=settings.replicates.value, seed=settings.seed.value)[
        "sums"
    ]
    return Membership(draws.map(lambda total: total[:, :1] / total[:, 1:]), 2 * len(won))


def half_fits(subject: Subject) -> HalfFits | None:
    """Fit the spec on either half of the training patients."""
    rows = attacked_rows(subject)
    patient = patient_codes(rows)
    patients = int(patient.max(initial=-1)) + 1
    first = (np.random.default_rng(subject.seed).permutation(patients) < patients // 2)[patient]
    halves = [rows.filter(pa.array(first == side)) for side in (False, True)]
    if not all(can_be_fitted(half) for half in halves):
        return None
    lost = np.array([losses(refitted(subject, half), rows) for half in halves])
    own, at = first.astype(np.int64), np.arange(len(first))
    return HalfFits(patient, inside=lost[own, at], outside=lost[1 - own, at])


def attack(fits: HalfFits, *, seed: int) -> Floats:
    """Return for each row whether it is claimed as trained on where it was, less whether it is where it was not."""
    patients = int(fits.patient.max()) + 1
    fold = np.random.default_rng(seed).integers(0, FOLDS, patients)[fits.patient]
    won = np.zeros(len(fold))
    for each in range(FOLDS):
        threshold = _best_threshold(fits, np.flatnonzero(fold != each))
        claimed = (fits.inside <= threshold).astype(np.float64) - (fits.outside <= threshold)
        won[fold == each] = claimed[fold == each]
    return won


def _best_threshold(fits: HalfFits, at: Codes) -> float:
    """Return the loss up to which the share of rows trained on exceeds that of the others by most."""
    lost = np.concatenate([fits.inside[at], fits.outside[at]])
    order = np.argsort(lost, kind="stable")
    lead = np.cumsum(np.where(order < len(at), 1, -1))
    ends = np.flatnonzero(np.append(np.diff(lost[order]) > 0, True))
    return float(lost[order][ends[np.argmax(lead[ends])]])
