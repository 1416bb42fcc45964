"""The two sides of a split as the leakage gate sees them: who stands where, and with which inputs."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from validation.scored import Codes

Inputs = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Parts:
    """Training and test rows of the declared split.

    Attributes
    ----------
    split
        ``time`` or ``patient``, as in `models.spec.Split`.
    names
        Names of the features, in the order of the columns of the inputs.
    train_patient, test_patient
        Shape (n,) each: codes from one coding of all patients.
    train_inputs, test_inputs
        Shape (n, features) each: what the booster sees, missing values as NaN.
    """

    split: str
    names: tuple[str, ...]
    train_patient: Codes
    test_patient: Codes
    train_inputs: Inputs
    test_inputs: Inputs


@dataclass(frozen=True)
class Overlap:
    """What both sides of a split share.

    Attributes
    ----------
    split
        ``time`` or ``patient``.
    shared_patients, test_patients
        Patients on both sides, and on the test side in all.
    identical_rows, test_rows
        Test rows that stand in the training part too, same patient and same inputs, and test rows in all.
    duplicate_rows
        Test rows that repeat another test row, same patient and same inputs: the first of them does not count.
    """

    split: str
    shared_patients: int
    test_patients: int
    identical_rows: int
    test_rows: int
    duplicate_rows: int


def overlap(parts: Parts) -> Overlap:
    """Count what both sides share."""
    test_patients = np.unique(parts.test_patient)
    shared = np.isin(test_patients, np.unique(parts.train_patient))
    candidates = np.isin(parts.train_patient, test_patients[shared])
    train = _fingerprints(parts.train_patient[candidates], parts.train_inputs[candidates])
    test = _fingerprints(parts.test_patient, parts.test_inputs)
    return Overlap(
        split=parts.split,
        shared_patients=int(shared.sum()),
        test_patients=len(test_patients),
        identical_rows=int(np.isin(test, train).sum()),
        test_rows=len(test),
        duplicate_rows=len(test) - len(np.unique(test)),
    )


def _fingerprints(patient: Codes, inputs: Inputs) -> npt.NDArray[np.uint64]:
    """Mix each row into 64 bits (multiply-shift): two different rows agree by chance once in 2**60 or so."""
    odd = np.random.default_rng(0).integers(0, 2**63, inputs.shape[1] + 1, dtype=np.uint64) * 2 + 1
    mixed: npt.NDArray[np.uint64] = patient.astype(np.uint64) * odd[0]
    bits = np.ascontiguousarray(np.where(np.isnan(inputs), np.float32(np.nan), inputs + np.float32(0)))
    for column, factor in zip(bits.view(np.uint32).T, odd[1:], strict=True):
        mixed = (mixed ^ (mixed >> np.uint64(29))) + column.astype(np.uint64) * factor
        mixed *= odd[0]
    return mixed
