"""Measures a model on held-out rows: one bootstrap of patients for every metric that a gate needs."""

from __future__ import annotations

import numpy as np

from validation.bootstrap import Draws, Statistic, bootstrap, sampled_patients
from validation.decision import flag, trade_off
from validation.feature_strength import strongest_feature
from validation.group_metrics import EVERYONE, GroupMetrics
from validation.groups import minimum_positives, partitions
from validation.measured import Measured
from validation.parts import Parts, overlap
from validation.policy import Policy
from validation.probed import Probed
from validation.row_sums import RowSums
from validation.scored import Codes, Floats, ScoredRows
from validation.statistics import Ranks
from validation.subsets import SubsetMetrics
from validation.usefulness import read_usefulness, worth_columns
from validation.versus import read_versus, versus_columns

NOTHING_PROBED = Probed()


def measure(rows: ScoredRows, policy: Policy, parts: Parts | None = None, probed: Probed = NOTHING_PROBED) -> Measured:
    """Measure everything that the gates of `policy` ask for.

    Parameters
    ----------
    rows
        The test part with its scores, and those of the version in use.
    policy
        Seeds, replicates, allocation and group sizes are taken from it.
    parts
        Both sides of the split; without them the leakage gate cannot tell what depends on them.
    probed
        What the probes found of the model itself.
    """
    bench = _Bench(rows, policy, parts)
    draws = bench.run()
    sums, groups, subsets = bench.sums.read(draws["sums"]), bench.groups, bench.subsets
    minimum = minimum_positives(policy.groups.power)
    overall = subsets.overall(draws, sums, groups.calibration(EVERYONE, draws))
    theirs = draws.get("ranks champion")
    return Measured(
        overall=overall,
        strata={name: subsets.stratum(name, draws, sums) for name in rows.strata},
        partitions={name: groups.partition(name, draws, policy=policy, minimum=minimum) for name in bench.partitions},
        flagged=bench.flagged,
        minimum=minimum,
        trade_off=trade_off(rows, policy),
        strongest=(bench.strongest, draws["feature"]) if bench.strongest else None,
        overlap=overlap(parts) if parts else None,
        inputs=parts.names if parts else (),
        usefulness=read_usefulness(sums, policy),
        versus=read_versus(sums, overall.metrics["auc"], theirs) if theirs else None,
        bootstrap_rows=len(bench.part),
        probed=probed,
    )


class _Bench:
    """Statistics of one model, on all rows and on the rows that replicates are drawn from."""

    def __init__(self, rows: ScoredRows, policy: Policy, parts: Parts | None) -> None:
        self.rows, self.policy = rows, policy
        self.flagged = flag(rows, policy)
        self.partitions = partitions(rows.groups, policy.groups.intersections.value)
        self.patient = _dense(rows.patient)
        self.groups = GroupMetrics(rows, self.flagged, self.patient, self.partitions)
        self.subsets = SubsetMetrics(rows, self.patient)
        worth = worth_columns(rows, self.flagged, policy)
        self.sums = RowSums({**self.subsets.columns(), **worth, **versus_columns(rows, policy)})
        self.part = sampled_patients(self.patient, policy.bootstrap.max_rows.value, policy.bootstrap.seed.value)
        self.strongest: str = ""
        self.feature: Floats | None = None
        if parts:
            self.strongest, self.feature = strongest_feature(
                parts, rows.label, self.part, seed=policy.bootstrap.seed.value
            )

    def run(self) -> dict[str, Draws]:
        everything = np.arange(self.rows.n)
        whole = self._statistics(everything)
        part = whole if len(self.part) == self.rows.n else self._statistics(self.part)
        patients = (int(self.patient.max()) + 1, len(np.unique(self.patient[self.part])))
        settings = self.policy.bootstrap
        return bootstrap(whole, part, patients, replicates=settings.replicates.value, seed=settings.seed.value)

    def _statistics(self, at: Codes) -> dict[str, Statistic]:
        patient = _dense(self.patient[at])
        patients = int(patient.max()) + 1
        statistics = {
            "sums": self.sums.statistic(at, patient, patients),
            **self.subsets.statistics(at, patient),
            **self.groups.statistics(at, patient, patients),
        }
        if self.feature is not None:
            everyone = np.zeros_like(patient)
            label = self.rows.label[at]
            statistics["feature"] = Ranks(patient, label, self.feature[at], everyone, 1, precision=False)
        return statistics


def _dense(codes: Codes) -> Codes:
    return np.unique(codes, return_inverse=True)[1].astype(np.int64)
