"""Training rows that attacks on privacy are made on, and what a model loses on them."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from models.artifact import FittedModel
from models.splitting import patient_codes
from models.training import fit
from validation.bootstrap import sampled_patients
from validation.probes.subject import Subject
from validation.scored import Flags, Floats

ATTACKED = 100_000
"""Training rows at most: with as many, bounds are within a hundredth. A model of fewer rows remembers more of each, so
what is found on a part is no less than what the whole would show."""
SMALLEST = 1e-15
"""Chances are kept this far from 0, so that a loss stays a number."""


def attacked_rows(subject: Subject) -> pa.Table:
    """Return the training rows, or those of patients drawn by lot where there are more than `ATTACKED`."""
    rows = subject.trained_on
    return rows.take(pa.array(sampled_patients(patient_codes(rows), ATTACKED, subject.seed)))


def labels(rows: pa.Table) -> Flags:
    """Return what happened, shape (n,)."""
    return np.asarray(rows.column("label"), dtype=np.int8).astype(bool)


def can_be_fitted(rows: pa.Table) -> bool:
    """Return whether `rows` hold both outcomes."""
    return len(np.unique(labels(rows))) == 2


def refitted(subject: Subject, rows: pa.Table) -> FittedModel:
    """Fit the subject's spec on `rows`, with its seed."""
    return fit(subject.spec, rows, seed=subject.seed, threads=subject.threads)


def losses(model: FittedModel, rows: pa.Table) -> Floats:
    """Return the log loss of each row, shape (n,)."""
    score = model.predict(rows)
    return np.asarray(-np.log(np.clip(np.where(labels(rows), score, 1 - score), SMALLEST, 1)))
