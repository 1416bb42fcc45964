"""Which rows a model may learn from, and which it is judged on."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from caregate.errors import BadInput
from models.spec import Split

Flags = npt.NDArray[np.bool_]
Codes = npt.NDArray[np.int64]


class TooLittleData(BadInput):
    """The rows cannot be split: too few days or patients, or one outcome only."""

    def __init__(self, why: str) -> None:
        super().__init__(f"the snapshot is too small to train on: {why}")


@dataclass(frozen=True)
class Parts:
    """A split of labelled rows.

    Attributes
    ----------
    train, test
        Shape (n,); rows in neither are left out.
    description
        One sentence for the evidence.
    """

    train: Flags
    test: Flags
    description: str


def patient_codes(rows: pa.Table) -> Codes:
    """Return a code for each row's patient, numbered by first appearance, shape (n,)."""
    encoded = rows.column("patient_id").combine_chunks().dictionary_encode()
    return np.asarray(encoded.indices, dtype=np.int64)


def split(rows: pa.Table, how: Split, *, seed: int) -> Parts:
    """Split `rows` as `how` says.

    Raises
    ------
    TooLittleData
        If a part would be empty or hold one outcome only.
    """
    parts = {"time": _by_time, "patient": _by_patient, "random": _by_chance}[how.by](rows, how.test_share, seed)
    label = np.asarray(rows.column("label"), dtype=np.int8)
    for name, part in (("training", parts.train), ("held-out", parts.test)):
        if len(np.unique(label[part])) < 2:
            raise TooLittleData(f"the {name} part does not hold both outcomes")
    return parts


def _by_time(rows: pa.Table, share: float, _seed: int) -> Parts:
    day = np.asarray(rows.column("day"), dtype=np.int64)
    days = np.unique(day)
    held = round(share * len(days))
    if held < 1 or held >= len(days):
        raise TooLittleData(f"{len(days)} different days cannot be divided")
    test = day >= days[-held]
    return Parts(~test, test, f"the last {held} of {len(days)} days are held out")


def _by_patient(rows: pa.Table, share: float, seed: int) -> Parts:
    patient = patient_codes(rows)
    drawn = np.random.default_rng(seed).random(patient.max(initial=-1) + 1) < share
    test = drawn[patient]
    return Parts(~test, test, f"{drawn.sum():,} of {len(drawn):,} patients are held out with all their rows")


def _by_chance(rows: pa.Table, share: float, seed: int) -> Parts:
    test = np.random.default_rng(seed).random(rows.num_rows) < share
    return Parts(~test, test, f"{test.sum():,} of {rows.num_rows:,} rows are held out at random")
