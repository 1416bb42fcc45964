"""A small clinic whose outcomes follow a rule that the test chooses, and a model fitted on it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa

from models.artifact import load_model
from models.no_show import SPEC
from models.spec import Feature, Kind, ModelSpec, Split
from models.splitting import split
from models.training import fit
from tests.validation.gates.conftest import fewer
from validation.groups import minimum_positives
from validation.measured import Measured, Subset
from validation.policy import Policy, load_policy
from validation.probed import Probed
from validation.probes.subject import Subject

Columns = Mapping[str, np.ndarray]
Rule = Callable[[Columns], np.ndarray]
"""The log-odds of the outcome."""

FEATURES = (
    Feature("lead_days", "days ahead"),
    Feature("age", "age"),
    Feature("hour", "hour of the booking"),
    Feature("disabilities", "recorded disabilities"),
    Feature("hypertension", "recorded hypertension", Kind.FLAG),
    Feature("miss_rate", "share missed"),
    Feature("site", "site", Kind.CATEGORY),
)
SITES, DAYS = 9, 50


def clinic_spec(**given: object) -> ModelSpec:
    """Return the spec of the small model; hyperparameters that are given replace its own."""
    parameters = {"objective": "binary:logistic", "max_depth": 4, "learning_rate": 0.15, "min_child_weight": 20}
    parameters |= {"subsample": 0.8, "tree_method": "hist"} | given
    return replace(SPEC, features=FEATURES, rounds=30, hyperparameters=parameters, strata=(), groups=("age",))


def a_little_of_everything(columns: Columns) -> np.ndarray:
    """An honest clinic: no field alone decides."""
    missed = np.nan_to_num(columns["miss_rate"], nan=0.3)
    lead, young = columns["lead_days"] / 15, (columns["age"] < 40) * 0.5
    return lead + missed + young + 0.3 * columns["hypertension"] + 0.2 * columns["disabilities"] - 1.5


def clinic_rows(rule: Rule, *, rows: int, seed: int = 3) -> pa.Table:
    """Return a feature table of `rows` rows whose outcomes follow `rule`."""
    chance = np.random.default_rng(seed)
    age = chance.integers(0, 90, rows)
    columns = {
        "day": np.sort(chance.integers(17_000, 17_000 + DAYS, rows)),
        "lead_days": chance.integers(0, 30, rows),
        "age": age,
        "hour": chance.uniform(8, 18, rows),
        "disabilities": chance.integers(0, 4, rows),
        "hypertension": chance.integers(0, 2, rows),
        "miss_rate": np.where(chance.random(rows) < 0.4, np.nan, chance.random(rows)),
        "site": chance.integers(0, SITES, rows),
    }
    label = chance.random(rows) < 1 / (1 + np.exp(-rule(columns)))
    return pa.table(
        {name: pa.array(values, from_pandas=True) for name, values in columns.items() if name != "site"}
        | {
            "patient_id": pa.array([f"p{place}" for place in chance.integers(0, rows // 2, rows)]),
            "label": pa.array(label.astype(np.int8)),
            "site": pa.array([f"site {place}" for place in columns["site"]]),
            "group_age": pa.array(np.where(age < 18, "0-17", np.where(age < 60, "18-59", "60+"))),
        }
    )


def clinic_policy() -> Policy:
    """Return the shipped policy with fewer replicates."""
    return fewer(load_policy("no-show"), 200)


def clinic_subject(folder: Path, rule: Rule = a_little_of_everything, *, rows: int = 8_000, **given: object) -> Subject:
    """Fit the small model on a clinic that follows `rule`, with its files in `folder`."""
    by = str(given.pop("by", "time"))
    spec = replace(clinic_spec(**given), split=Split(by))
    table = clinic_rows(rule, rows=rows)
    parts = split(table, spec.split, seed=0)
    fit(spec, table.filter(pa.array(parts.train)), seed=0, threads=1).save(folder)
    return Subject(spec, clinic_policy(), load_model(folder), folder, table, parts.train, parts.test, {}, 0, 1)


def measured_with(policy: Policy, **found: object) -> Measured:
    """Return what a gate of probes reads, and nothing else."""
    nothing = Subset(0, 0, 0, {})
    flagged = np.zeros(0, dtype=bool)
    probed = Probed(**found)  # type: ignore[arg-type]
    return Measured(nothing, {}, {}, flagged, minimum_positives(policy.groups.power), probed=probed)
