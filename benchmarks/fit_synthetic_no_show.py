"""Fits the parameters of the synthetic appointments from the real ones: shares, coefficients and correlations only."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl
from scipy.special import ndtri

from benchmarks.fit_latent import shared_within
from benchmarks.fit_rates import FLOOR, fit_terms, gap_shares, levelled, pooled, rounded, shares, tailed
from benchmarks.no_show_rows import AGE_EDGES, JOINT, OUTCOME_TERMS, TRAIT_TERMS, no_show_rows, term_columns
from crm.sources.synthetic import appointment_tables
from crm.sources.synthetic_draws import score

LAST_LEAD = 112
LAST_DAY = "2025-06-11"
"""Last day of the synthetic calendar: a Wednesday, as in the real one."""
MOST_PERIODS = 87
"""Ten years: further back than that no clinic's export goes."""


def fit_no_show(tables: Mapping[str, pl.DataFrame]) -> dict[str, Any]:
    """Return the parameters, fitted from canonical `tables` of the real set."""
    rows = no_show_rows(tables)
    people = rows.unique("patient_id", keep="first", maintain_order=True)
    visits = rows.group_by("patient_id", "booked_day", maintain_order=True).agg(pl.len().alias("n"))
    per_patient = visits.group_by("patient_id", maintain_order=True).len("visits")
    people = people.join(per_patient, on="patient_id", maintain_order="left")
    return {
        "calendar": _calendar(rows),
        "patients": _patients(people),
        "visits": _visits(rows, people),
        "gaps": _gaps(rows),
        "lead": _lead(rows),
        "hours": _hours(rows),
        "joint": _joint(rows),
        "reminder": _reminder(rows),
        "sites": _sites(rows, people),
        "outcome": _outcome(rows),
    }


def calibrated_no_show(parameters: dict[str, Any], tables: Mapping[str, pl.DataFrame]) -> dict[str, Any]:
    """Return `parameters` with the intercept at which as many drawn appointments are missed as real ones."""
    wanted = _log_odds(no_show_rows(tables))
    for seed in range(3):
        drawn = appointment_tables(parameters, len(tables["appointments"]), seed)
        outcome = parameters["outcome"]
        outcome["intercept"] = round(outcome["intercept"] + wanted - _log_odds(no_show_rows(drawn)), 3)
    return parameters


def _log_odds(rows: pl.DataFrame) -> float:
    rate = float(rows["missed"].mean())  # type: ignore[arg-type]
    return float(np.log(rate / (1 - rate)))


def _calendar(rows: pl.DataFrame) -> dict[str, Any]:
    by_day = rows.group_by("day").len().filter(pl.col("len") >= FLOOR).sort("day")
    offsets = (by_day["day"] - by_day["day"][0]).dt.total_days()
    return {
        "rows": round(len(rows), -3),
        "last_day": LAST_DAY,
        "period_days": 42,
        "most_periods": MOST_PERIODS,
        "offsets": offsets.to_list(),
        "shares": shares(by_day["len"].to_numpy()),
        "effect_sd": _day_effect_sd(rows),
    }


def _day_effect_sd(rows: pl.DataFrame) -> float:
    """Return the spread of the days' no-show log-odds beyond what chance alone gives."""
    days = rows.group_by("day").agg(pl.len().alias("n"), pl.col("missed").mean()).filter(pl.col("n") >= FLOOR)
    rate, n = days["missed"].to_numpy(), days["n"].to_numpy()
    variance = np.var(np.log(rate / (1 - rate))) - np.mean(1 / (n * rate * (1 - rate)))
    return round(float(np.sqrt(max(variance, 0.0))), 3)


def _patients(people: pl.DataFrame) -> dict[str, Any]:
    ages = people["age"].to_numpy()
    band = np.searchsorted(AGE_EDGES, ages, side="right")
    counts = np.bincount(band, minlength=len(AGE_EDGES) + 1)
    flags = {
        name: pooled(np.bincount(band, people[name].to_numpy(), len(counts)), counts)
        for name in ("female", "welfare", "hypertension", "alcoholism", "disabilities")
    }
    hypertension = people["hypertension"].to_numpy() == 1
    diabetes = people["diabetes"].to_numpy()
    for name, where in (("diabetes_with_hypertension", hypertension), ("diabetes_without", ~hypertension)):
        flags[name] = pooled(
            np.bincount(band[where], diabetes[where], len(counts)), np.bincount(band[where], minlength=len(counts))
        )
    return {"age_edges": AGE_EDGES, "age_end": 97, "age_shares": shares(counts), "rates": flags}


def _visits(rows: pl.DataFrame, people: pl.DataFrame) -> dict[str, Any]:
    size = rows.group_by("patient_id", "booked_day").agg(pl.len().alias("n"), pl.col("day").n_unique().alias("days"))
    extra = rows.with_columns(
        first=pl.int_range(pl.len()).over("patient_id", "booked_day") == 0,
        same_call=(pl.col("booked_at") == pl.col("booked_at").shift(1)).over("patient_id", "booked_day"),
        same_day=(pl.col("day") == pl.col("day").shift(1)).over("patient_id", "booked_day"),
        seconds=(pl.col("booked_at") - pl.col("booked_at").shift(1))
        .dt.total_seconds()
        .over("patient_id", "booked_day"),
    ).filter(~pl.col("first"))
    apart = extra.filter(~pl.col("same_call"))["seconds"].log().to_numpy()
    return {
        "per_patient": tailed(people["visits"].to_numpy()),
        "appointments_per_visit": tailed(size["n"].to_numpy()),
        "same_day": round(float(extra["same_day"].mean()), 3),  # type: ignore[arg-type]
        "same_call": round(float(extra.filter("same_day")["same_call"].mean()), 3),  # type: ignore[arg-type]
        "log_seconds_apart": {"mean": round(float(apart.mean()), 2), "sd": round(float(apart.std()), 2)},
        "shift": _shift(people, people["visits"].to_numpy(), TRAIT_TERMS),
    }


def _shift(rows: pl.DataFrame, values: npt.NDArray[Any], terms: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return the least-squares effects of traits on the normal scores of `values`."""
    order = np.argsort(values + np.random.default_rng(0).random(len(values)), kind="stable")
    normal = np.empty(len(values))
    normal[order] = ndtri((np.arange(len(values)) + 0.5) / len(values))
    return fit_terms(term_columns(rows, terms), terms, normal, kind="linear")[1]


def _gaps(rows: pl.DataFrame) -> dict[str, Any]:
    """Return how many working days lie between a patient's visits, and between the appointments of one visit."""
    days = rows["day"].unique().sort()
    place = pl.col("day").replace_strict(days, range(len(days)), return_dtype=pl.Int64)
    booked = rows.select("patient_id", "booked_day", place=place).sort("patient_id", "booked_day", "place")
    within = booked.select(gap=pl.col("place").diff().over("patient_id", "booked_day"))["gap"]
    anchors = booked.group_by("patient_id", "booked_day").agg(pl.col("place").min()).sort("patient_id", "place")
    between = anchors.select(gap=pl.col("place").diff().over("patient_id"))["gap"]
    return {"between_visits": gap_shares(between), "within_visit": gap_shares(within.filter(within > 0))}


def _lead(rows: pl.DataFrame) -> dict[str, Any]:
    lead, weekday = rows["lead"].to_numpy(), rows["weekday"].to_numpy()
    booked = np.bincount(rows["booked_weekday"].to_numpy(), minlength=8)[1:6].astype(float)
    ahead = lead > 0
    counts = np.bincount(lead[ahead], minlength=LAST_LEAD + 1)[: LAST_LEAD + 1].astype(float)
    # Each lead is possible only on the weekdays that it leads back to a working day: divide that out.
    day_share = np.bincount(weekday, minlength=8)[1:6] / len(weekday)
    factor = np.bincount(rows["booked_weekday"].to_numpy()[ahead], minlength=8)[1:6].astype(float)
    factor = np.append(factor / factor.mean(), [0.0, 0.0])
    chance = np.array([sum(day_share[w] * factor[(w - days) % 7] for w in range(5)) for days in range(LAST_LEAD + 1)])
    base = levelled(counts) / np.maximum(chance, chance[1:].min())
    same_day = [float((~ahead)[weekday == w].mean()) for w in range(1, 6)]
    return {
        "same_day": rounded(same_day, 3),
        "ahead": rounded(base[1:] / base[1:].sum(), 5),
        "booked_weekday": rounded(factor, 3),
        "booked_weekday_all": rounded(booked / booked.sum(), 3),
        "shift": _shift(rows, lead, TRAIT_TERMS),
        "within_patient": _lead_correlation(rows),
    }


def _lead_correlation(rows: pl.DataFrame) -> float:
    first = rows.unique(["patient_id", "booked_day"], keep="first", maintain_order=True)
    same = (first["lead"] == 0).to_numpy().astype(float)
    rate = np.full(len(same), same.mean())
    return shared_within(first["patient_id"].rank("dense").to_numpy(), same, rate)


def _hours(rows: pl.DataFrame) -> dict[str, Any]:
    by_lead = {}
    for name, where in (("same_day", pl.col("lead") == 0), ("ahead", pl.col("lead") > 0)):
        counts = np.bincount(rows.filter(where)["hour"].to_numpy(), minlength=24)
        by_lead[name] = shares(np.where(counts < FLOOR, 0, counts))
    first = rows.unique(["patient_id", "booked_day"], keep="first", maintain_order=True)
    early = (first["hour"] < 10).to_numpy().astype(float)
    rate = np.full(len(early), early.mean())
    return by_lead | {"within_patient": shared_within(first["patient_id"].rank("dense").to_numpy(), early, rate)}


def _joint(rows: pl.DataFrame) -> dict[str, Any]:
    """Return how often many patients are booked in one act, how many they are, and how alike their outcomes."""
    joint = rows.filter(pl.col("joint") == 1)
    groups = joint.group_by("booked_at").agg(pl.len())
    rate = joint.group_by(pl.col("lead") > 0).agg(pl.col("missed").mean().alias("rate"))
    chance = joint.select(ahead=pl.col("lead") > 0).join(rate, left_on="ahead", right_on="lead", maintain_order="left")
    return {
        "share": round(len(joint) / len(rows), 4),
        "smallest": JOINT,
        "mean_size": round(len(joint) / len(groups), 1),
        "same_day": round(float((joint["lead"] == 0).mean()), 2),  # type: ignore[arg-type]
        "within_group": shared_within(
            joint["booked_at"].rank("dense").to_numpy(),
            joint["missed"].to_numpy().astype(float),
            chance["rate"].to_numpy(),
        ),
    }


def _reminder(rows: pl.DataFrame) -> dict[str, Any]:
    edges = [3, 4, 5, 8, 15, 29]
    band = np.searchsorted(edges, rows["lead"].to_numpy(), side="right")
    counts = np.bincount(band, minlength=len(edges) + 1)
    sent = np.bincount(band, rows["reminded"].to_numpy(), len(counts))
    return {"lead_edges": edges, "rates": rounded(sent / counts, 3)}


def _sites(rows: pl.DataFrame, people: pl.DataFrame) -> dict[str, Any]:
    sizes = people["site"].value_counts().filter(pl.col("count") >= FLOOR)["count"].to_numpy()
    large = rows.with_columns(n=pl.len().over("site")).filter(pl.col("n") >= 500)
    site = large["site"].rank("dense").cast(pl.Int64).to_numpy() - 1
    columns = term_columns(large, OUTCOME_TERMS) | {"site": site}
    terms = [*OUTCOME_TERMS, {"of": "site", "edges": list(range(1, int(site.max()) + 1))}]
    missed = _centred(fit_terms(columns, terms, large["missed"].to_numpy(), kind="logistic")[1][-1]["coefficients"])
    lead = _means(np.log1p(large["lead"].to_numpy()), site) / float(np.log1p(large["lead"].to_numpy()).std())
    rate = np.clip(_means(large["welfare"].to_numpy(), site), 0.005, 1)
    welfare = _centred(np.log(rate / (1 - rate)))
    effects = np.column_stack([missed, _centred(lead), welfare])
    return {
        "rows": round(len(rows), -3),
        "count": len(sizes),
        "log_size_sd": round(float(np.log(sizes).std()), 2),
        "effects": ["missed", "lead", "welfare"],
        "effect_sd": rounded(effects.std(axis=0), 3),
        "effect_correlation": [rounded(row, 2) for row in np.corrcoef(effects.T)],
    }


def _centred(values: Sequence[float] | npt.NDArray[Any]) -> npt.NDArray[np.float64]:
    return np.asarray(values, dtype=np.float64) - float(np.mean(values))


def _means(values: npt.NDArray[Any], group: npt.NDArray[Any]) -> npt.NDArray[np.float64]:
    return np.bincount(group, values) / np.bincount(group)


def _outcome(rows: pl.DataFrame) -> dict[str, Any]:
    columns, missed = term_columns(rows, OUTCOME_TERMS), rows["missed"].to_numpy().astype(float)
    intercept, terms = fit_terms(columns, OUTCOME_TERMS, missed, kind="logistic")
    chance = 1 / (1 + np.exp(-(intercept + score(columns, terms))))
    patient = rows["patient_id"].rank("dense").to_numpy()
    together = rows.select(pl.struct("patient_id", "booked_day", "day").rank("dense"))["patient_id"].to_numpy()
    within_patient = shared_within(patient, missed, chance, apart=together)
    within_visit = shared_within(together, missed, chance)
    return {
        "intercept": round(intercept, 3),
        "terms": terms,
        "within_patient": within_patient,
        "within_visit_day": round(within_visit - within_patient, 3),
    }
