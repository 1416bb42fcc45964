"""A look at a model in use: what it is asked now against what it learnt from, and how it does on known outcomes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from caregate.errors import BadInput
from models.artifact import FittedModel
from monitoring.agreement import Agreement
from monitoring.drift import drift, references
from monitoring.finding import Alarm, Finding, worst
from monitoring.performance import performance
from monitoring.policy import MonitoringPolicy
from validation.scored import ScoredRows


class NothingNew(BadInput):
    """No rows have come in since the model was trained."""

    def __init__(self, model: str) -> None:
        super().__init__(f"no newer rows than those {model} was trained on: `caregate ingest` a newer export first")


@dataclass(frozen=True)
class Look:
    """What was found.

    Attributes
    ----------
    model, version
        The champion that was looked at.
    rows
        New rows, with and without a known outcome.
    findings
        Drift of each feature and of the score, then performance where outcomes are known, then what reviews show.
    agreement
        What people's reviews of the model's predictions come to.
    """

    model: str
    version: int
    rows: int
    findings: tuple[Finding, ...]
    agreement: Agreement | None = None

    @property
    def alarm(self) -> Alarm:
        """The gravest alarm."""
        return worst(self.findings)


def new_rows(trained: pa.Table, now: pa.Table) -> pa.Table:
    """Return those rows of `now` whose record was not among `trained`."""
    known = pc.is_in(now.column("record_id"), value_set=trained.column("record_id").combine_chunks())
    return now.filter(pc.invert(known))


def compare(model: FittedModel, trained: pa.Table, late: pa.Table, policy: MonitoringPolicy) -> list[Finding]:
    """Return the drift of `late` rows of the feature table against those that `model` was trained on."""
    known = references(model, model.encode(trained), policy.drift.bins)
    return drift(model, model.encode(late), known, policy.drift)


def judge(rows: ScoredRows, approved_auc: float, policy: MonitoringPolicy) -> list[Finding]:
    """Return the performance on `rows` with known outcomes; none where there are none."""
    return performance(rows, approved_auc, policy.performance) if len(np.unique(rows.label)) == 2 else []
