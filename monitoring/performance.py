"""Performance in use: discrimination and calibration on rows whose outcome has become known."""

from __future__ import annotations

import numpy as np

from monitoring.finding import Alarm, Finding
from monitoring.policy import PerformanceLimits, Ranges
from validation.bootstrap import Draws, Statistic, bootstrap
from validation.scored import Floats, ScoredRows
from validation.statistics import CellSums, Ranks


def performance(rows: ScoredRows, approved_auc: float, limits: PerformanceLimits) -> list[Finding]:
    """Return the findings for AUC and for observed over expected, with bounds from a bootstrap of patients.

    Parameters
    ----------
    rows
        Labelled rows that were scored since the promotion.
    approved_auc
        What the reviewer signed for.
    limits
        From which loss on to watch and to act.
    """
    positives, negatives = int(rows.label.sum()), int((~rows.label).sum())
    if min(positives, negatives) < limits.least_positives:
        reason = f"{positives} positive rows of {rows.n}: {limits.least_positives} of each outcome are needed to tell"
        return [Finding(name, Alarm.WATCH, None, None, None, rows.n, reason) for name in ("auc", "observed/expected")]
    draws = _draws(rows, limits)
    return [_auc(draws["auc"], approved_auc, rows.n, limits), _calibration(draws["ratio"], rows.n, limits)]


def _draws(rows: ScoredRows, limits: PerformanceLimits) -> dict[str, Draws]:
    _, patient = np.unique(rows.patient, return_inverse=True)
    patients = int(patient.max()) + 1
    everyone = np.zeros(rows.n, dtype=np.int64)
    values = np.column_stack([rows.label.astype(np.float64), rows.score])
    statistics: dict[str, Statistic] = {
        "auc": Ranks(patient, rows.label, rows.score, everyone, 1),
        "sums": CellSums(patient, everyone, values, (patients, 1)),
    }
    found = bootstrap(statistics, statistics, (patients, patients), replicates=limits.replicates, seed=limits.seed)
    return {"auc": found["auc"].column(0), "ratio": found["sums"].map(_ratio)}


def _ratio(sums: Floats) -> Floats:
    observed, expected = sums[..., :1], sums[..., 1:2]
    return observed / expected


def _auc(draws: Draws, approved: float, n: int, limits: PerformanceLimits) -> Finding:
    estimate, low, high = _interval(draws, limits.confidence)
    drop = limits.auc_drop
    alarm = Alarm.OK
    if high < approved - drop.watch:
        alarm = Alarm.ACT if high < approved - drop.act else Alarm.WATCH
    reason = f"AUC {estimate:.3f} ({low:.3f} to {high:.3f}) against {approved:.3f} when it was approved"
    return Finding("auc", alarm, estimate, low, high, n, reason)


def _calibration(draws: Draws, n: int, limits: PerformanceLimits) -> Finding:
    estimate, low, high = _interval(draws, limits.confidence)
    alarm = _outside(low, high, limits.observed_expected)
    reason = f"{estimate:.2f} happened for each one expected ({low:.2f} to {high:.2f})"
    return Finding("observed/expected", alarm, estimate, low, high, n, reason)


def _outside(low: float, high: float, ranges: Ranges) -> Alarm:
    for alarm, (least, most) in ((Alarm.ACT, ranges.act), (Alarm.WATCH, ranges.watch)):
        if high < least or low > most:
            return alarm
    return Alarm.OK


def _interval(draws: Draws, confidence: float) -> tuple[float, float, float]:
    low, high = draws.interval(confidence)
    return float(draws.sample[0]), float(low[0]), float(high[0])
