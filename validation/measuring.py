"""Measures a model on held-out rows: one bootstrap of patients for every metric that a gate needs."""

from __future__ import annotations

import numpy as np

from validation.allocation import allocate
from validation.bootstrap import Draws, Statistic, bootstrap, sampled_patients
from validation.calibration_line import (
    calibration_line,
    calibration_offset,
    line_terms,
    logit_of,
    newton_step,
    offset_terms,
)
from validation.feature_strength import strongest_feature
from validation.group_metrics import GroupCells, measure_partition
from validation.groups import minimum_positives, partitions, with_unknown
from validation.measured import Measured, Subset, TradeOff
from validation.parts import Parts, overlap
from validation.policy import Policy
from validation.scored import Codes, Flags, Floats, Grouping, ScoredRows
from validation.statistics import CellSums, Ranks

BINS = 15
"""Equal-mass bins of the expected calibration error (Naeini et al. 2015)."""
FLOORS = (0.0, 0.25, 0.5, 0.75, 1.0)
"""Coverage floors of the trade-off curve."""


def measure(rows: ScoredRows, policy: Policy, parts: Parts | None = None) -> Measured:
    """Measure everything that the gates of `policy` ask for.

    Parameters
    ----------
    rows
        The test part with its scores.
    policy
        Seeds, replicates, allocation and group sizes are taken from it.
    parts
        Both sides of the split; without them the leakage gate cannot tell what depends on them.
    """
    bench = _Bench(rows, policy, parts)
    draws = bench.run()
    minimum = minimum_positives(policy.groups.power)
    measured = {
        name: measure_partition(name, bench.cells, grouping, draws, policy=policy, minimum=minimum)
        for name, grouping in bench.partitions.items()
    }
    strongest = (bench.strongest, draws["feature"].column(0)) if bench.strongest else None
    return Measured(
        overall=bench.overall(draws),
        strata={name: bench.subset(f"stratum {name}", flags, draws) for name, flags in rows.strata.items()},
        partitions=measured,
        flagged=bench.flagged,
        minimum=minimum,
        trade_off=trade_off(rows, policy),
        strongest=strongest,
        overlap=overlap(parts) if parts else None,
        bootstrap_rows=len(bench.part),
    )


def flag(rows: ScoredRows, policy: Policy) -> Flags:
    """Return the rows that the policy's allocation acts on, shape (n,)."""
    coverage = policy.decision.coverage
    floor = coverage.floor if coverage else 0.0
    return allocate(rows.score, policy.decision.capacity.value, _covered(rows, policy), floor)


def trade_off(rows: ScoredRows, policy: Policy) -> tuple[TradeOff, ...]:
    """Return recall and the worst ratio of group recalls under several coverage floors."""
    grouping = _covered(rows, policy)
    if grouping is None or not rows.label.any():
        return ()
    codes, positives = with_unknown(grouping).codes, rows.label
    groups = np.bincount(codes[positives])
    enough = groups >= minimum_positives(policy.groups.power)
    points = []
    for floor in FLOORS:
        chosen = allocate(rows.score, policy.decision.capacity.value, grouping, floor)
        found = np.bincount(codes[positives & chosen], minlength=len(groups))
        recalls = found[enough] / groups[enough]
        worst = float(recalls.min() / recalls.max()) if enough.any() and recalls.max() > 0 else 0.0
        points.append(TradeOff(floor, float(chosen[positives].mean()), worst))
    return tuple(points)


def _covered(rows: ScoredRows, policy: Policy) -> Grouping | None:
    coverage = policy.decision.coverage
    return rows.groups.get(coverage.grouping) if coverage else None


class _Bench:
    """Statistics of one model, on all rows and on the rows that replicates are drawn from."""

    def __init__(self, rows: ScoredRows, policy: Policy, parts: Parts | None) -> None:
        self.rows, self.policy = rows, policy
        self.flagged = flag(rows, policy)
        self.partitions = partitions(rows.groups, policy.groups.intersections.value)
        self.patient = _dense(rows.patient)
        self.line = np.array(calibration_line(rows.label, rows.score))
        self.offset = calibration_offset(rows.label, rows.score)
        self.cells = GroupCells(rows, self.flagged, self.patient)
        self.part = sampled_patients(self.patient, policy.bootstrap.max_rows.value, policy.bootstrap.seed.value)
        self.strongest: str = ""
        self.feature: Floats | None = None
        if parts:
            seed = policy.bootstrap.seed.value
            self.strongest, self.feature = strongest_feature(parts, rows.label, self.part, seed=seed)

    def run(self) -> dict[str, Draws]:
        everything = np.arange(self.rows.n)
        whole = self._statistics(everything)
        part = whole if len(self.part) == self.rows.n else self._statistics(self.part)
        patients = (int(self.patient.max()) + 1, len(np.unique(self.patient[self.part])))
        settings = self.policy.bootstrap
        return bootstrap(whole, part, patients, replicates=settings.replicates.value, seed=settings.seed.value)

    def overall(self, draws: dict[str, Draws]) -> Subset:
        subset = self.subset("all", np.ones(self.rows.n, dtype=bool), draws)
        sums = draws["sums"]
        metrics = dict(subset.metrics)
        metrics["brier"] = sums.map(lambda s: s[:, 2:3] / s[:, 0:1])
        metrics["log_loss"] = sums.map(lambda s: s[:, 3:4] / s[:, 0:1])
        metrics["intercept"] = sums.map(lambda s: self.offset + s[:, 9:10] / s[:, 10:11])
        metrics["slope"] = sums.map(lambda s: self.line[1] + newton_step(s[:, 4:9])[:, 1:])
        metrics["ece"] = _calibration_error(draws["bins"])
        for place, name in enumerate(self.rows.baselines, start=11):
            metrics[f"brier_skill[{name}]"] = sums.map(lambda s, at=place: 1 - s[:, 2:3] / s[:, at : at + 1])  # type: ignore[misc]
            metrics[f"auc[{name}]"] = draws[f"baseline {name}"].column(0)
        return Subset(subset.n, subset.positives, subset.patients, metrics)

    def subset(self, key: str, flags: Flags, draws: dict[str, Draws]) -> Subset:
        prevalence = draws[f"{key} size"].map(lambda s: s[:, 1:2] / s[:, 0:1])
        ranks = draws[key]
        metrics = {
            "auc": ranks.column(0),
            "pr_auc": ranks.column(1),
            "prevalence": prevalence,
            "pr_auc_lift": Draws(
                ranks.sample[1:] / prevalence.sample,
                ranks.centre[1:] / prevalence.centre,
                ranks.replicates[:, 1:] / prevalence.replicates,
            ),
        }
        label = self.rows.label[flags]
        return Subset(len(label), int(label.sum()), len(np.unique(self.patient[flags])), metrics)

    def _statistics(self, at: Codes) -> dict[str, Statistic]:
        rows = self.rows
        patient, label, score = _dense(self.patient[at]), rows.label[at], rows.score[at]
        patients = int(patient.max()) + 1
        statistics: dict[str, Statistic] = {
            "sums": CellSums(patient, np.zeros_like(patient), self._losses(at), (patients, 1)),
            "bins": _bins(patient, label, score, patients),
            **self.cells.statistics(at, patient, patients),
        }
        subsets = {"all": np.ones(len(at), dtype=bool)}
        subsets |= {f"stratum {name}": flags[at] for name, flags in rows.strata.items()}
        for key, flags in subsets.items():
            inside = np.where(flags, 0, -1)
            ones = np.column_stack([np.ones(len(at)), label])
            statistics[key] = Ranks(patient, label, score, inside, 1)
            statistics[f"{key} size"] = CellSums(patient, inside, ones, (patients, 1))
        everyone = np.zeros_like(patient)
        for name, values in rows.baselines.items():
            statistics[f"baseline {name}"] = Ranks(patient, label, values[at], everyone, 1)
        for name, grouping in self.partitions.items():
            statistics[f"ranks {name}"] = Ranks(patient, label, score, grouping.codes[at], len(grouping.levels))
        if self.feature is not None:
            statistics["feature"] = Ranks(patient, label, self.feature[at], everyone, 1)
        return statistics

    def _losses(self, at: Codes) -> Floats:
        label, score = self.rows.label[at], self.rows.score[at]
        safe = np.clip(score, 1e-15, 1 - 1e-15)
        log_loss = -np.where(label, np.log(safe), np.log1p(-safe))
        logit = logit_of(score)
        terms = np.column_stack([line_terms(label, logit, self.line), offset_terms(label, logit, self.offset)])
        baselines = [(values[at] - label) ** 2 for values in self.rows.baselines.values()]
        return np.column_stack([np.ones(len(at)), label, (score - label) ** 2, log_loss, terms, *baselines])


def _bins(patient: Codes, label: Flags, score: Floats, patients: int) -> CellSums:
    edges = np.unique(np.quantile(score, np.linspace(0, 1, BINS + 1)[1:-1]))
    cell = np.searchsorted(edges, score, side="right")
    gaps = np.column_stack([label - score, np.ones(len(score)), score * (1 - score)])
    return CellSums(patient, cell, gaps, (patients, len(edges) + 1))


def _calibration_error(bins: Draws) -> Draws:
    """Return the expected calibration error without what chance alone makes of it (Kumar et al. 2019, section 5).

    The gap of a bin is as wide as its binomial error even where scores are true; a replicate's gap holds that error
    twice, its own and the sample's.
    """
    replicates = _true_gaps(bins.replicates, chance=2.0)
    return Draws(_true_gaps(bins.sample[None], chance=1.0)[0], np.nanmean(replicates, axis=0), replicates)


def _true_gaps(sums: Floats, *, chance: float) -> Floats:
    gaps, sizes, variances = sums[:, 0::3], sums[:, 1::3], sums[:, 2::3]
    total = np.sqrt(np.maximum(gaps**2 - chance * variances, 0.0)).sum(axis=1, keepdims=True)
    return np.asarray(total / sizes.sum(axis=1, keepdims=True))


def _dense(codes: Codes) -> Codes:
    return np.unique(codes, return_inverse=True)[1].astype(np.int64)
