"""What a probe is given: a fitted model with the rows that it was made of."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import pyarrow as pa

from models.artifact import FittedModel
from models.spec import ModelSpec
from validation.policy import Policy
from validation.scored import Flags


@dataclass(frozen=True)
class Subject:
    """A model under examination.

    Attributes
    ----------
    spec, policy, model
        What it is, what is asked of it, and its fit.
    folder
        The model's files, as they will be registered.
    rows
        Its labelled feature table.
    train, test
        Shape (n,): the parts of `rows`.
    files
        Parquet file of each canonical table that the feature table was built from.
    seed, threads
        Of split and fit, and of XGBoost.
    consent_to
        The purpose that patients had to have consented to for their rows to be read; None where nobody is asked.
    """

    spec: ModelSpec
    policy: Policy
    model: FittedModel
    folder: Path
    rows: pa.Table
    train: Flags
    test: Flags
    files: Mapping[str, Path]
    seed: int
    threads: int
    consent_to: str | None = None

    @cached_property
    def held_out(self) -> pa.Table:
        """The rows that training did not see."""
        return self.rows.filter(pa.array(self.test))

    @cached_property
    def trained_on(self) -> pa.Table:
        """The rows that it was fitted on."""
        return self.rows.filter(pa.array(self.train))

    def drawn(self, places: np.ndarray, count: int) -> np.ndarray:
        """Return at most `count` of `places`, drawn by the subject's seed, in their order."""
        if len(places) <= count:
            return places
        return np.sort(np.random.default_rng(self.seed).choice(places, count, replace=False))
