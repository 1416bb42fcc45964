"""Rows on which a model is compared with a changed one: decisions that flip, AUCs from the same draws of patients."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from models.splitting import patient_codes
from validation.allocation import allocate
from validation.bootstrap import Draws, Statistic, bootstrap, sampled_patients
from validation.policy import Policy
from validation.probes.subject import Subject
from validation.scored import Codes, Flags, Floats, Grouping
from validation.statistics import CellSums, Ranks

JUDGED = 30_000
"""Rows that a change is judged on at most: 6,000 flagged ones tell a share to one point, 3,000 positives an AUC to one
hundredth, and no limit of the policies is finer for what is not paired."""


@dataclass(frozen=True)
class JudgedRows:
    """Rows that decisions are made on.

    Attributes
    ----------
    table
        Rows of the feature table.
    label
        Shape (n,): what happened.
    patient
        Shape (n,): a code for each patient, dense.
    grouping
        The groups that the policy's allocation has a floor for; None where it has none.
    policy
        Its allocation and its bootstrap are taken.
    """

    table: pa.Table
    label: Flags
    patient: Codes
    grouping: Grouping | None
    policy: Policy

    def flagged(self, score: Floats) -> Flags:
        """Return the rows that the policy's allocation acts on, shape (n,)."""
        decision = self.policy.decision
        floor = decision.coverage.floor if decision.coverage else 0.0
        return allocate(score, decision.capacity.value, self.grouping, floor)

    def flips(self, before: Flags, after: Sequence[Flags]) -> list[Draws]:
        """Return for each of `after` the share of the rows flagged `before` that another row replaces.

        All come from the same draws of patients. Groups and capacity stay as they are: what flips, the score flips.
        """
        gone = [before & ~flags for flags in after]
        moved = [place for place, rows in enumerate(gone) if rows.any()]
        draws = self._shares(before, [gone[place] for place in moved]) if moved else []
        found = dict(zip(moved, draws, strict=True))
        still = self._nothing(exists=bool(before.any()))
        return [found.get(place, still) for place in range(len(gone))]

    def _shares(self, before: Flags, gone: Sequence[Flags]) -> list[Draws]:
        at = np.flatnonzero(before)
        values = np.column_stack([np.ones(len(at)), *(rows[at] for rows in gone)])
        sizes = (int(self.patient.max()) + 1, 1)
        sums = resampled(CellSums(self.patient[at], np.zeros(len(at), np.int64), values, sizes), sizes[0], self.policy)
        return [sums.map(lambda s, at=place: _share(s, at)) for place in range(1, values.shape[1])]  # type: ignore[misc]

    def _nothing(self, *, exists: bool) -> Draws:
        value = 0.0 if exists else float("nan")
        return Draws(np.full(1, value), np.full(1, value), np.full((self.policy.bootstrap.replicates.value, 1), value))


def judged_rows(subject: Subject, places: Codes) -> JudgedRows:
    """Return the rows at `places` of the subject's feature table, with what decisions on them need."""
    table = subject.rows.take(pa.array(places))
    coverage = subject.policy.decision.coverage
    grouping = _grouping(table.column(f"group_{coverage.grouping}")) if coverage else None
    return JudgedRows(table, labels(table), patient_codes(table), grouping, subject.policy)


def labels(table: pa.Table) -> Flags:
    """Return what happened, shape (n,)."""
    return np.asarray(table.column("label"), dtype=np.int8).astype(bool)


def at_most_rows(subject: Subject, places: Codes, most: int) -> Codes:
    """Return `places`, or those of whole patients drawn from them until `most` rows are reached, in their order."""
    patient = patient_codes(subject.rows.select(["patient_id"]).take(pa.array(places)))
    return places[sampled_patients(patient, most, subject.seed)]


def auc_in_groups(patient: Codes, label: Flags, score: Floats, group: Codes, policy: Policy) -> Draws:
    """Return the AUC within each group, one value each, all from the same draws of patients.

    A row that is scored twice is given twice, in two groups: their AUCs are then paired.
    """
    groups = int(group.max()) + 1
    dense = np.unique(patient, return_inverse=True)[1].astype(np.int64)
    ranks = resampled(Ranks(dense, label, score, group, groups), int(dense.max()) + 1, policy)
    return ranks.map(lambda values: values[:, :groups])


def resampled(statistic: Statistic, patients: int, policy: Policy) -> Draws:
    """Return `statistic` with the policy's bootstrap of patients."""
    named, settings = {"": statistic}, policy.bootstrap
    return bootstrap(
        named, named, (patients, patients), replicates=settings.replicates.value, seed=settings.seed.value
    )[""]


def _share(sums: Floats, at: int) -> Floats:
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(sums[:, at : at + 1] / sums[:, 0:1])


def _grouping(values: pa.ChunkedArray) -> Grouping:
    levels = sorted(value for value in values.unique().to_pylist() if value is not None)
    codes = pc.fill_null(pc.index_in(values, pa.array(levels, pa.string())), -1)
    return Grouping(np.asarray(codes, dtype=np.int64), tuple(levels))
