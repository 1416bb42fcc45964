"""Whether the rows of rare patients are learnt by heart."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from models.splitting import patient_codes
from validation.bootstrap import Statistic, bootstrap
from validation.probed import Memorised
from validation.probes.attacked import attacked_rows, can_be_fitted, losses, refitted
from validation.probes.subject import Subject
from validation.scored import Codes, Floats
from validation.statistics import CellSums

LEVELS = 64
"""Features with more distinct values are cut into as many bins of equal width, so that the ends of a range are rare."""
GROUPS = 3
"""Rare patients are left out a third at a time: a fit then lacks the patient, and still knows others of the kind."""


def memorised(subject: Subject) -> Memorised | None:
    """Compare the loss on rare rows with and without their patients; None where a part lacks an outcome.

    A row is rare by the sum over its inputs of minus the logarithm of how often such a value occurs, a histogram-based
    outlier score (Goldstein and Dengel 2012): what is unlike all others can only be known by heart. The fits without
    them have nearly all other rows, so that what is found is said of a model of this size.

    References
    ----------
    Feldman and Zhang 2020, What neural networks memorize and why, NeurIPS, section 2: an example is memorised by what
    the model gains on it from having been trained on it.
    """
    rows = attacked_rows(subject)
    at = rarest(subject.model.encode(rows), subject.policy.gates.privacy.rare_rows.value)
    patient = patient_codes(rows)
    without = _without(subject, rows, patient, at)
    if without is None:
        return None
    model = subject.model if rows.num_rows == subject.train.sum() else refitted(subject, rows)
    saved = without - losses(model, rows.take(pa.array(at)))
    who = np.unique(patient[at], return_inverse=True)[1].astype(np.int64)
    patients, settings = int(who.max()) + 1, subject.policy.bootstrap
    values = np.column_stack([saved, without])
    sums: dict[str, Statistic] = {"sums": CellSums(who, np.zeros_like(who), values, (patients, 1))}
    draws = bootstrap(sums, sums, (patients, patients), replicates=settings.replicates.value, seed=settings.seed.value)[
        "sums"
    ]
    return Memorised(draws.map(lambda total: total[:, :1] / total[:, 1:]), len(at))


def _without(subject: Subject, rows: pa.Table, patient: Codes, at: Codes) -> Floats | None:
    """Return the loss of the rows `at` under fits that did not see their patients, shape (rare,)."""
    group = np.random.default_rng(subject.seed).integers(0, GROUPS, int(patient.max()) + 1)
    rare = np.isin(patient, patient[at])
    lost = np.zeros(len(at))
    for each in range(GROUPS):
        left_out = rare & (group[patient] == each)
        rest, asked = rows.filter(pa.array(~left_out)), at[left_out[at]]
        if not can_be_fitted(rest):
            return None
        if len(asked):
            lost[left_out[at]] = losses(refitted(subject, rest), rows.take(pa.array(asked)))
    return lost


def rarest(inputs: npt.NDArray[np.float32], count: int) -> Codes:
    """Return the places of the `count` rows whose values are the least frequent, in their order."""
    surprise = np.sum([_surprise(values) for values in inputs.T], axis=0)
    return np.sort(np.argsort(-surprise, kind="stable")[:count])


def _surprise(values: npt.NDArray[np.float32]) -> Floats:
    """Return minus the logarithm of the share of rows in each row's bin; missing is a bin."""
    missing = np.isnan(values)
    edges = np.unique(values[~missing])
    if len(edges) > LEVELS:
        edges = np.linspace(edges[0], edges[-1], LEVELS + 1)[:-1]
    bins = np.where(missing, len(edges) + 1, np.searchsorted(edges, np.where(missing, 0, values), side="right"))
    return np.asarray(-np.log((np.bincount(bins) / len(bins))[bins]))
