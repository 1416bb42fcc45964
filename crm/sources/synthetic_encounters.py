"""Synthetic encounters: patients' stays one after the other, each with its discharge and whether they came back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl
from scipy.special import ndtr

from crm.sources.synthetic_copula import StayCopula
from crm.sources.synthetic_draws import Floats, Ints, draw, logistic, place, score

Parameters = Mapping[str, Any]
CHUNK = 100_000
"""Patients drawn at a time."""
MOST_STAYS = 24
JOINED = {
    "admission": ("admission_type", "admission_source"),
    "regimen": ("insulin", "metformin", "diabetes_drugs", "drugs_changed", "medication_change", "diabetes_medication"),
}
"""Columns whose combinations are drawn as one, because one follows from the other."""
UNKNOWN = "-"
"""Stands for null in a combination."""


@dataclass(frozen=True)
class Stays:
    """Stays of some patients, shape (n,) each: codes of the drawn columns, time as a share of the whole period."""

    patient: Ints
    number: Ints
    codes: Mapping[str, Ints]
    counts: Mapping[str, Ints]
    time: Floats
    readmitted: npt.NDArray[np.bool_]


@dataclass(frozen=True)
class _History:
    """What is known of each patient before the next stay, shape (n,) each."""

    last: Ints
    readmissions: Ints
    time: Floats
    codes: Mapping[str, Ints]


def draw_encounters(parameters: Parameters, rows: int, seed: int) -> pl.DataFrame:
    """Return `rows` encounters in the order of time.

    Columns are those of the canonical encounters, with ``patient`` (a number), ``sex`` and ``race``; the columns of a
    stay depend on each other and on the patient through a Gaussian copula (Nelsen 2006, section 2.3).
    """
    people = np.random.SeedSequence(seed)
    chunks, total, start = [], 0, 0
    size = min(CHUNK, rows + 20)
    while total < rows:
        rng = np.random.default_rng(people.spawn(1)[0])
        chunk = _frame(parameters, _draw_stays(parameters, size, rng), start)
        chunks.append(chunk)
        total, start = total + len(chunk), start + size
    return _in_time(pl.concat(chunks).head(rows))


def _in_time(stays: pl.DataFrame) -> pl.DataFrame:
    """Give each stay its place in time; its outcome is known when the patient's next one begins."""
    ordered = stays.sort("time", "patient").with_columns(ordinal=pl.int_range(1, pl.len() + 1))
    return ordered.with_columns(outcome_known_ordinal=pl.col("ordinal").shift(-1).over("patient", order_by="number"))


def _draw_stays(parameters: Parameters, size: int, rng: np.random.Generator) -> Stays:
    """Draw stay after stay: who has a next one depends on how the last one ended."""
    copula = StayCopula(parameters)
    own = copula.draw(size, rng)
    patient = np.arange(size)
    history = _History(np.zeros(size, dtype=np.int64), np.zeros(size, dtype=np.int64), np.full(size, -1.0), {})
    drawn = []
    for number in range(MOST_STAYS):
        latent = copula.mix(own[patient], copula.draw(len(patient), rng), number)
        stay = _draw_stay(parameters, latent, patient, number, history, rng)
        drawn.append(stay)
        comes = _comes_again(parameters["next_stay"], stay, rng)
        history = _History(
            stay.readmitted[comes].astype(np.int64),
            (history.readmissions + stay.readmitted)[comes],
            stay.time[comes],
            {name: stay.codes[name][comes] for name in parameters["repeated"]},
        )
        patient = patient[comes]
        if not len(patient):
            break
    return _together(drawn)


def _draw_stay(
    parameters: Parameters, latent: Floats, patient: Ints, number: int, history: _History, rng: np.random.Generator
) -> Stays:
    given = parameters["columns"]
    codes = {name: place(ndtr(latent[:, column]), given[name]["shares"]) for column, name in enumerate(given)}
    codes |= _repeated(parameters["repeated"], codes, history, rng)
    time = _draw_time(parameters, codes["time"], history, rng)
    codes["time"] = np.floor(time).astype(np.int64)
    counts = {name: _count(column["edges"], codes[name], rng) for name, column in given.items() if "edges" in column}
    earlier = {"stays": np.full(len(patient), number), "last": history.last, "readmissions": history.readmissions}
    outcome = parameters["outcome"]
    chance = logistic(outcome["intercept"] + score(codes | counts | earlier, outcome["terms"]))
    readmitted = rng.random(len(patient)) < chance
    return Stays(patient, earlier["stays"], codes, counts, time, readmitted)


def _repeated(
    given: Parameters, codes: Mapping[str, Ints], history: _History, rng: np.random.Generator
) -> dict[str, Ints]:
    """Return the codes of a next stay, some of which are what they were at the last one."""
    kept = {}
    for name, before in history.codes.items():
        rate = np.where(history.last == 1, given[name]["readmitted"], given[name]["later"])
        kept[name] = np.where(rng.random(len(before)) < rate, before, codes[name])
    return kept


def _draw_time(parameters: Parameters, first: Ints, history: _History, rng: np.random.Generator) -> Floats:
    """Return when each stay is, in bins of the period: anywhere for a first one, some bins on for a later one."""
    gaps = parameters["next_stay"]["time_gap"]
    size, last_bin = len(first), len(parameters["columns"]["time"]["shares"]) - 1
    gap = np.where(history.last == 1, draw(rng, gaps["readmitted"], size), draw(rng, gaps["later"], size))
    before = np.maximum(history.time, 0.0)
    bin_ = np.where(history.time < 0, first, np.minimum(np.floor(before) + gap, last_bin))
    earliest = np.where((history.time >= 0) & (bin_ == np.floor(before)), before - bin_, 0.0)
    return np.asarray(bin_ + earliest + (1 - earliest) * rng.random(size))


def _count(edges: list[int], code: Ints, rng: np.random.Generator) -> Ints:
    lower = np.asarray(edges, dtype=np.int64)
    return lower[code] + np.floor(rng.random(len(code)) * np.diff(lower)[code]).astype(np.int64)


def _comes_again(given: Parameters, stay: Stays, rng: np.random.Generator) -> Ints:
    columns = {
        "stays": stay.number,
        "label": stay.readmitted.astype(np.int64),
        "inpatient_visits": stay.counts["inpatient_visits"],
        "time": stay.codes["time"],
    }
    return np.flatnonzero(rng.random(len(stay.patient)) < logistic(given["intercept"] + score(columns, given["terms"])))


def _together(drawn: list[Stays]) -> Stays:
    """Return all stays, patient by patient."""
    patient = np.concatenate([stay.patient for stay in drawn])
    order = np.argsort(patient, kind="stable")

    def joined(parts: list[npt.NDArray[Any]]) -> npt.NDArray[Any]:
        return np.asarray(np.concatenate(parts)[order])

    return Stays(
        patient[order],
        joined([stay.number for stay in drawn]),
        {name: joined([stay.codes[name] for stay in drawn]) for name in drawn[0].codes},
        {name: joined([stay.counts[name] for stay in drawn]) for name in drawn[0].counts},
        joined([stay.time for stay in drawn]),
        joined([stay.readmitted for stay in drawn]),
    )


def _frame(parameters: Parameters, stays: Stays, start: int) -> pl.DataFrame:
    columns: dict[str, Any] = {name: values.astype(np.int16) for name, values in stays.counts.items()}
    for name, given in parameters["columns"].items():
        if name in JOINED:
            columns |= _split(name, given["levels"], stays.codes[name])
        elif "levels" in given and name != "time":
            columns[name] = pl.Series(name, given["levels"]).gather(stays.codes[name])
    label = {"readmitted_within_30_days": stays.readmitted}
    return pl.DataFrame(
        columns | label | {"patient": stays.patient + start, "number": stays.number, "time": stays.time}
    )


def _split(name: str, levels: list[str], code: Ints) -> dict[str, pl.Series]:
    """Return the columns of a combination, nulls where it holds `UNKNOWN`."""
    parts = [[None if part == UNKNOWN else part for part in level.split("|")] for level in levels]
    columns = {}
    for place_, column in enumerate(JOINED[name]):
        values = pl.Series(column, [part[place_] for part in parts])
        columns[column] = (values == "true" if column.startswith(("medication", "diabetes_med")) else values).gather(
            code
        )
    return columns
