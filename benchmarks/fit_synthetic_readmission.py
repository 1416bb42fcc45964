"""Fits the parameters of the synthetic encounters from the real ones: shares, coefficients and correlations only."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from benchmarks.fit_latent import copula_correlation, normal_scores
from benchmarks.fit_rates import FLOOR, count_bins, fit_terms, rounded, shares
from crm.sources.synthetic import encounter_tables

PERSON = ("sex", "race", "age")
CATEGORIES = (
    *("disposition", "specialty", "payer", "diagnosis_1", "diagnosis_2", "diagnosis_3"),
    *("glucose_test", "a1c_test"),
)
COUNTS = (
    *("days_in_hospital", "lab_procedures", "procedures", "medications"),
    *("outpatient_visits", "emergency_visits", "inpatient_visits", "diagnoses"),
)
ADMISSION = ("admission_type", "admission_source")
REGIMEN = ("insulin", "metformin", "diabetes_drugs", "drugs_changed", "medication_change", "diabetes_medication")
COLUMNS = (*PERSON, "admission", *CATEGORIES, *COUNTS, "regimen", "time")
STEPS = 4
"""Stays from this one on are alike in how they differ from the first."""
TIME_BINS = 20

_COUNT_EDGES: dict[str, list[int]] = {
    "days_in_hospital": [2, 3, 4, 5, 6, 7, 8, 10, 12],
    "lab_procedures": [10, 20, 30, 40, 50, 60, 70, 80],
    "procedures": [1, 2, 3, 4, 5, 6],
    "medications": [5, 8, 11, 14, 17, 20, 24, 30, 40],
    "outpatient_visits": [1, 2, 3, 5],
    "emergency_visits": [1, 2, 3, 4, 6],
    "inpatient_visits": [1, 2, 3, 4, 5, 6, 7, 8, 10],
    "diagnoses": [3, 4, 5, 6, 7, 8, 9],
}
EARLIER_TERMS: list[dict[str, Any]] = [
    {"of": "stays", "edges": [1, 2, 3, 4, 6], "by": "last", "by_edges": [1]},
    {"of": "readmissions", "edges": [1, 2, 3, 4], "by": "stays", "by_edges": [2, 4]},
]


def fit_readmission(tables: Mapping[str, pl.DataFrame]) -> dict[str, Any]:
    """Return the parameters, fitted from canonical `tables` of the real set."""
    rows = _rows(tables)
    columns = {name: _column(rows, name) for name in COLUMNS}
    codes = {name: _codes(rows, name, given) for name, given in columns.items()}
    step = np.minimum(rows["stays"].to_numpy(), STEPS - 1)
    scores = {name: normal_scores(codes[name], given["shares"]) for name, given in columns.items()}
    moments = {name: _step_moments(scores[name], step) for name in COLUMNS}
    features = _features(rows, codes)
    terms = [*_outcome_terms(columns), *EARLIER_TERMS]
    intercept, fitted = fit_terms(features, terms, rows["label"].to_numpy(), kind="logistic")
    return {
        "rows": round(len(rows), -3),
        "columns": {
            name: given | {"shift": rounded(moments[name][0], 3), "spread": rounded(moments[name][1], 3)}
            for name, given in columns.items()
        },
        "within_patient": {name: _within_patient(rows, scores[name]) for name in COLUMNS if name not in PERSON},
        "repeated": {name: _repeated(rows, codes[name]) for name in ("admission", *CATEGORIES, "regimen")},
        "correlation": copula_correlation(codes, columns),
        "outcome": {"intercept": round(intercept, 3), "terms": fitted},
        "next_stay": _next_stay(rows),
    }


def calibrated_readmission(parameters: dict[str, Any], tables: Mapping[str, pl.DataFrame]) -> dict[str, Any]:
    """Return `parameters` moved until drawn stays are as the real ones are.

    Who stays on in the chain of stays is selected by what the shifts already say, so both are brought together by
    drawing: the shifts, the share of readmissions and the number of stays a patient.
    """
    real = _rows(tables)
    wanted = _moments(real, parameters)
    for seed in range(6):
        drawn = encounter_tables(parameters, 3 * len(real), seed)
        found = _moments(_rows(drawn), parameters)
        for name, column in parameters["columns"].items():
            (shift, spread), (drawn_shift, drawn_spread) = wanted["columns"][name], found["columns"][name]
            column["shift"] = rounded(np.asarray(column["shift"]) + shift - drawn_shift, 3)
            column["spread"] = rounded(np.asarray(column["spread"]) * spread / drawn_spread, 3)
        for part in ("outcome", "next_stay"):
            parameters[part]["intercept"] = round(parameters[part]["intercept"] + wanted[part] - found[part], 3)
    return parameters


def _moments(rows: pl.DataFrame, parameters: Mapping[str, Any]) -> dict[str, Any]:
    step = np.minimum(rows["stays"].to_numpy(), STEPS - 1)
    scores = {
        name: normal_scores(_codes(rows, name, given), given["shares"]) for name, given in parameters["columns"].items()
    }
    return {
        "columns": {name: _step_moments(values, step) for name, values in scores.items()},
        "outcome": _log_odds(rows["label"]),
        "next_stay": _log_odds(rows["followed"]),
    }


def _log_odds(flags: pl.Series) -> float:
    rate = float(flags.mean())  # type: ignore[arg-type]
    return float(np.log(rate / (1 - rate)))


def _rows(tables: Mapping[str, pl.DataFrame]) -> pl.DataFrame:
    label = pl.col("label")
    return (
        tables["encounters"]
        .filter(pl.col("readmitted_within_30_days").is_not_null())
        .join(tables["patients"], on="patient_id", maintain_order="left")
        .sort("patient_id", "ordinal")
        .with_columns(
            label=pl.col("readmitted_within_30_days").cast(pl.Int64),
            stays=pl.int_range(pl.len()).over("patient_id"),
            followed=(pl.col("patient_id").shift(-1) == pl.col("patient_id")).fill_null(value=False).cast(pl.Int64),
            admission=_joined(ADMISSION),
            regimen=_joined(REGIMEN),
            time=(pl.col("ordinal").rank("ordinal") - 1) * TIME_BINS // pl.len(),
        )
        .with_columns(
            last=label.shift(1).over("patient_id").fill_null(0),
            readmissions=label.cum_sum().over("patient_id") - label,
        )
    )


def _joined(names: Sequence[str]) -> pl.Expr:
    return pl.concat_str([pl.col(name).cast(pl.String).fill_null("-") for name in names], separator="|")


def _column(rows: pl.DataFrame, name: str) -> dict[str, Any]:
    if name in COUNTS:
        return count_bins(rows[name].to_numpy())
    counts = rows[name].value_counts().filter(pl.col("count") >= FLOOR)
    if name in ("age", "time"):
        counts = counts.sort(name)
    else:
        weight = rows.select(name, weight=_burden()).group_by(name).agg(pl.col("weight").mean())
        counts = counts.join(weight, on=name, nulls_equal=True).sort("weight")
    return {"levels": counts[name].to_list(), "shares": shares(counts["count"].to_numpy())}


def _burden() -> pl.Expr:
    """Return how heavy a stay is: the order that levels of unordered columns are put in."""
    names = ("days_in_hospital", "medications", "diagnoses", "age")
    return pl.sum_horizontal((pl.col(name) - pl.col(name).mean()) / pl.col(name).std() for name in names)


def _codes(rows: pl.DataFrame, name: str, given: Mapping[str, Any]) -> npt.NDArray[np.int64]:
    """Return each row's level or bin; -1 where the level is too rare to stand in the parameters."""
    if "edges" in given:
        return np.searchsorted(given["edges"][1:-1], rows[name].to_numpy(), side="right")
    levels = given["levels"]
    known = pl.DataFrame({name: pl.Series(levels, dtype=rows[name].dtype), "code": range(len(levels))})
    joined = rows.select(name).join(known, on=name, how="left", nulls_equal=True, maintain_order="left")
    return joined["code"].fill_null(-1).to_numpy()


def _step_moments(
    scores: npt.NDArray[np.float64], step: npt.NDArray[np.int64]
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Return mean and standard deviation of the scores by the number of earlier stays, shape (STEPS,) each."""
    size = np.bincount(step, minlength=STEPS)
    mean = np.bincount(step, scores, STEPS) / size
    return mean, np.sqrt(np.bincount(step, (scores - mean[step]) ** 2, STEPS) / size)


def _within_patient(rows: pl.DataFrame, scores: npt.NDArray[np.float64]) -> float:
    """Return the correlation of a column's scores between a patient's successive stays."""
    following = np.flatnonzero(rows["followed"].to_numpy() == 1)
    correlation = np.corrcoef(scores[following], scores[following + 1])[0, 1]
    return round(float(np.clip(correlation, 0.0, 0.98)), 3)


def _repeated(rows: pl.DataFrame, code: npt.NDArray[np.int64]) -> dict[str, float]:
    """Return how often the next stay has the same level beyond chance, after a readmission and otherwise."""
    following = np.flatnonzero(rows["followed"].to_numpy() == 1)
    same = code[following] == code[following + 1]
    chance = float(np.sum((np.bincount(code[code >= 0]) / len(code)) ** 2))
    label = rows["label"].to_numpy()[following]
    rates = {name: float(same[label == value].mean()) for name, value in (("readmitted", 1), ("later", 0))}
    return {name: round(max(0.0, (rate - chance) / (1 - chance)), 3) for name, rate in rates.items()}


def _outcome_terms(columns: Mapping[str, Mapping[str, Any]]) -> list[dict[str, Any]]:
    ordered: list[dict[str, Any]] = [{"of": name, "edges": edges} for name, edges in _COUNT_EDGES.items()]
    levels = [
        {"of": name, "edges": list(range(1, len(given["levels"])))}
        for name, given in columns.items()
        if "levels" in given
    ]
    disposition = list(range(1, len(columns["disposition"]["levels"])))
    principal = list(range(1, len(columns["diagnosis_1"]["levels"])))
    return [
        *ordered,
        *levels,
        {"of": "diagnosis_1", "edges": principal, "by": "inpatient_visits", "by_edges": [1, 2, 4]},
        {"of": "disposition", "edges": disposition, "by": "inpatient_visits", "by_edges": [1, 2, 4]},
        {"of": "disposition", "edges": disposition, "by": "days_in_hospital", "by_edges": [4, 8]},
        {"of": "age", "edges": [3, 5, 6, 7, 8], "by": "inpatient_visits", "by_edges": [1, 2, 4]},
        {"of": "emergency_visits", "edges": [1, 2], "by": "inpatient_visits", "by_edges": [1, 2, 4]},
        {"of": "diagnoses", "edges": [5, 9], "by": "age", "by_edges": [4, 6]},
    ]


def _features(rows: pl.DataFrame, codes: Mapping[str, npt.NDArray[np.int64]]) -> dict[str, npt.NDArray[Any]]:
    numbers = {name: rows[name].to_numpy() for name in (*COUNTS, "stays", "last", "readmissions")}
    return {name: np.maximum(code, 0) for name, code in codes.items() if name not in COUNTS} | numbers


NEXT_TERMS: list[dict[str, Any]] = [
    {"of": "stays", "edges": [1, 2, 3, 5, 8], "by": "label", "by_edges": [1]},
    {"of": "inpatient_visits", "edges": [1, 2, 3, 5], "by": "label", "by_edges": [1]},
    {"of": "time", "edges": list(range(2, TIME_BINS, 2)), "by": "label", "by_edges": [1]},
]


def _next_stay(rows: pl.DataFrame) -> dict[str, Any]:
    names = ("stays", "label", "inpatient_visits", "time")
    features = {name: rows[name].cast(pl.Int64).to_numpy() for name in names}
    intercept, terms = fit_terms(features, NEXT_TERMS, rows["followed"].to_numpy(), kind="logistic")
    pairs = rows.with_columns(gap=pl.col("time").shift(-1).over("patient_id") - pl.col("time")).drop_nulls("gap")
    gaps = {
        name: _gap_shares(pairs.filter(pl.col("label") == value)["gap"].to_numpy())
        for name, value in (("readmitted", 1), ("later", 0))
    }
    return {"intercept": round(intercept, 3), "terms": terms, "time_gap": gaps}


def _gap_shares(gap: npt.NDArray[Any]) -> list[float]:
    counts = np.bincount(np.maximum(gap.astype(np.int64), 0))
    rare = np.flatnonzero(counts < FLOOR)
    return shares(counts[: rare[0]] if len(rare) else counts)
