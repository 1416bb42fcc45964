"""Metrics of rows that are judged together: all of them, or a stratum."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from validation.bootstrap import Draws, Statistic
from validation.measured import Subset
from validation.row_sums import Sums, ratio
from validation.scored import Codes, Flags, Floats, ScoredRows
from validation.statistics import Ranks

EVERYTHING = "all"


class SubsetMetrics:
    """How well the score orders and weighs the outcome, in all rows and in each stratum.

    Parameters
    ----------
    rows, patient
        All rows, and dense codes of their patients.
    """

    def __init__(self, rows: ScoredRows, patient: Codes) -> None:
        self._rows, self._patient = rows, patient
        strata = {_stratum(name): flags for name, flags in rows.strata.items()}
        self._subsets = {EVERYTHING: np.ones(rows.n, dtype=bool), **strata}
        self._scores = {f"baseline {name}": scores for name, scores in rows.baselines.items()}
        if rows.champion is not None:
            self._scores["champion"] = rows.champion

    def columns(self) -> dict[str, Floats]:
        """Return the values of rows whose sums are read."""
        rows, ones = self._rows, np.ones(self._rows.n)
        brier = (rows.score - rows.label) ** 2
        columns = {"rows": ones, "positives": rows.label * ones, "brier": brier, "log loss": _log_loss(rows)}
        for name, flags in rows.strata.items():
            of = _stratum(name)
            columns |= {f"{of} rows": flags * ones, f"{of} positives": (flags & rows.label) * ones}
            columns[f"{of} brier"] = flags * brier
        for name, scores in rows.baselines.items():
            columns[f"baseline {name} brier"] = (scores - rows.label) ** 2
        return columns

    def statistics(self, at: Codes, patient: Codes) -> dict[str, Statistic]:
        """Return the statistics of the rows `at`, whose patients are `patient`."""
        label, score = self._rows.label[at], self._rows.score[at]
        statistics: dict[str, Statistic] = {
            f"ranks {key}": Ranks(patient, label, score, np.where(flags[at], 0, -1), 1)
            for key, flags in self._subsets.items()
        }
        everyone = np.zeros(len(at), dtype=np.int64)
        for key, scores in self._scores.items():
            statistics[f"ranks {key}"] = Ranks(patient, label, scores[at], everyone, 1, precision=False)
        return statistics

    def overall(self, draws: Mapping[str, Draws], sums: Sums, calibration: Mapping[str, Draws]) -> Subset:
        """Measure all rows; `calibration` holds their slope, intercept and error."""
        metrics = {**self._ranked(EVERYTHING, sums.ratio("positives", "rows"), draws), **calibration}
        metrics["brier"] = sums.ratio("brier", "rows")
        metrics["log_loss"] = sums.ratio("log loss", "rows")
        for name in self._rows.baselines:
            metrics[f"brier_skill[{name}]"] = sums.ratio("brier", f"baseline {name} brier").map(_skill)
            metrics[f"auc[{name}]"] = draws[f"ranks baseline {name}"]
        return self._subset(EVERYTHING, metrics)

    def stratum(self, name: str, draws: Mapping[str, Draws], sums: Sums) -> Subset:
        """Measure a stratum; its Brier skill is against its own prevalence."""
        key = _stratum(name)
        prevalence = sums.ratio(f"{key} positives", f"{key} rows")
        metrics = self._ranked(key, prevalence, draws)
        metrics["brier"] = sums.ratio(f"{key} brier", f"{key} rows")
        metrics["brier_skill[prevalence]"] = metrics["brier"].beside(
            prevalence, lambda own, p: _skill(ratio(own, p * (1 - p)))
        )
        return self._subset(key, metrics)

    def _ranked(self, key: str, prevalence: Draws, draws: Mapping[str, Draws]) -> dict[str, Draws]:
        ranks = draws[f"ranks {key}"]
        precision = ranks.column(1)
        lift = precision.beside(prevalence, ratio)
        return {"auc": ranks.column(0), "pr_auc": precision, "prevalence": prevalence, "pr_auc_lift": lift}

    def _subset(self, key: str, metrics: Mapping[str, Draws]) -> Subset:
        flags: Flags = self._subsets[key]
        label = self._rows.label[flags]
        return Subset(len(label), int(label.sum()), len(np.unique(self._patient[flags])), metrics)


def _stratum(name: str) -> str:
    return f"stratum {name}"


def _skill(of_trivial: Floats) -> Floats:
    return 1 - of_trivial


def _log_loss(rows: ScoredRows) -> Floats:
    safe = np.clip(rows.score, 1e-15, 1 - 1e-15)
    return np.asarray(-np.where(rows.label, np.log(safe), np.log1p(-safe)))
