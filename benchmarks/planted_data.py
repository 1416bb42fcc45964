"""Faults of known size planted in synthetic appointments, in the feature table or in the model itself."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pyarrow as pa
from ibis import _

from crm.sources.synthetic import SyntheticSource
from models import no_show
from models.features import feature_rows, labelled
from models.spec import ModelSpec, Tables
from models.splitting import split
from models.training import fit
from validation.policy import Policy
from validation.probes.subject import Subject

ROWS, THREADS = 30_000, 1
Ground = tuple[ModelSpec, pa.Table]


@dataclass(frozen=True)
class Clinic:
    """Synthetic appointments of nobody: canonical tables as files, and their feature table."""

    files: Mapping[str, Path]
    rows: pa.Table


def draw_clinic(folder: Path, seed: int, rows: int = ROWS) -> Clinic:
    """Draw `rows` appointments into `folder`."""
    tables = SyntheticSource(rows=rows, encounters=0, seed=seed).read(None).tables
    files = {name: folder / f"{name}.parquet" for name in ("patients", "appointments")}
    for name, path in files.items():
        tables[name].write_parquet(path)
    return Clinic(files, features_of(no_show.SPEC, files, folder))


def features_of(spec: ModelSpec, files: Mapping[str, Path], folder: Path) -> pa.Table:
    """Return the labelled feature table of `spec`."""
    return labelled(feature_rows(spec, files, threads=THREADS, memory_limit_gb=2, spill=folder / "spill"))


def subject_of(clinic: Clinic, policy: Policy, folder: Path, seed: int, fault: str = "", size: float = 0.0) -> Subject:
    """Return a fitted model with `fault` of `size` planted in it, or an honest one."""
    spec, rows = no_show.SPEC, clinic.rows
    if fault:
        spec, rows = PLANTED[fault](clinic, spec, size, folder)
    parts = split(rows, spec.split, seed=seed)
    train = rows.filter(pa.array(parts.train))
    model = fit(spec, train, seed=seed, threads=THREADS)
    saved = folder / "model"
    shutil.rmtree(saved, ignore_errors=True)
    kept = replace(spec, rounds=spec.rounds - int(size)) if fault == "weights" else spec
    fit(kept, train, seed=seed, threads=THREADS).save(saved)
    return Subject(spec, policy, model, saved, rows, parts.train, parts.test, clinic.files, seed, THREADS)


def _outcome_column(clinic: Clinic, spec: ModelSpec, size: float, _folder: Path) -> Ground:
    """Let a recorded flag hold the outcome, right in `size` of the rows."""
    label = _label(clinic.rows)
    right = np.random.default_rng(0).random(len(label)) < size
    return spec, _with(clinic.rows, "disabilities", np.where(right, label, 1 - label))


def _looks_ahead(clinic: Clinic, spec: ModelSpec, _size: float, folder: Path) -> Ground:
    """Count all the patient's bookings as earlier visits, those to come among them."""

    def build(tables: Tables) -> object:
        ever = tables["appointments"].group_by("patient_id").agg(ever_=_.count())
        built = no_show.build(tables).left_join(ever, "patient_id")
        return built.mutate(known_visits=_.ever_).drop("ever_", "patient_id_right")

    changed = replace(spec, build=build)  # type: ignore[arg-type]
    return changed, features_of(changed, clinic.files, folder)


def _copies(clinic: Clinic, spec: ModelSpec, size: float, _folder: Path) -> Ground:
    """Let `size` of the last days' rows stand among the earlier ones too."""
    parts = split(clinic.rows, spec.split, seed=0)
    late = np.flatnonzero(parts.test)
    chosen = np.random.default_rng(0).choice(late, int(size * len(late)), replace=False)
    earlier = clinic.rows.take(pa.array(chosen))
    first = int(np.asarray(clinic.rows.column("day"), dtype=np.int64).min())
    return spec, pa.concat_tables([clinic.rows, _with(earlier, "day", np.full(len(chosen), first))])


def _learnt_by_heart(clinic: Clinic, spec: ModelSpec, size: float, _folder: Path) -> Ground:
    """Grow trees of depth `size` that nothing holds back."""
    loose = {"max_depth": int(size), "min_child_weight": 0, "reg_lambda": 0.0, "learning_rate": 0.3}
    return replace(spec, hyperparameters={**spec.hyperparameters, **loose}), clinic.rows


def _hangs_on_a_field(clinic: Clinic, spec: ModelSpec, size: float, _folder: Path) -> Ground:
    """Let an optional field add `size` to the log-odds of the outcome, up or down."""
    field = np.random.default_rng(0).integers(0, 2, clinic.rows.num_rows)
    rows = _with(clinic.rows, "hypertension", field)
    return spec, _with(rows, "label", _drawn(size * (2 * field - 1) - 1.5))


def _sites_apart(clinic: Clinic, spec: ModelSpec, size: float, _folder: Path) -> Ground:
    """Let each site have odds of its own, `size` the standard deviation of their logarithm."""
    codes = np.asarray(clinic.rows.column("site").combine_chunks().dictionary_encode().indices.fill_null(0))
    of_site = np.random.default_rng(0).normal(0, size, codes.max() + 1)
    return spec, _with(clinic.rows, "label", _drawn(of_site[codes] - 1.5))


def _season(clinic: Clinic, spec: ModelSpec, size: float, _folder: Path) -> Ground:
    """Let waiting long raise the log-odds by up to `size`, and lower them as much in a fifth of the days."""
    day = np.asarray(clinic.rows.column("day"), dtype=np.int64)
    lead = np.asarray(clinic.rows.column("lead_days"), dtype=np.float64)
    start, end = np.quantile(np.unique(day), [0.4, 0.6])
    pull = size * (np.argsort(np.argsort(lead)) / len(lead) - 0.5)
    label = _drawn(np.where((day >= start) & (day < end), -pull, pull) - 1.5)
    return spec, _with(clinic.rows, "label", label)


def _same(clinic: Clinic, spec: ModelSpec, _size: float, _folder: Path) -> Ground:
    return spec, clinic.rows


PLANTED: Mapping[str, Callable[[Clinic, ModelSpec, float, Path], Ground]] = {
    "outcome-column": _outcome_column,
    "looks-ahead": _looks_ahead,
    "copies": _copies,
    "learnt-by-heart": _learnt_by_heart,
    "hangs-on-a-field": _hangs_on_a_field,
    "sites-apart": _sites_apart,
    "season": _season,
    "weights": _same,
}
"""What can be planted, by its name in the policy."""


def _drawn(logit: np.ndarray) -> np.ndarray:
    chance = np.random.default_rng(1).random(len(logit))
    return (chance < 1 / (1 + np.exp(-logit))).astype(np.int8)


def _label(rows: pa.Table) -> np.ndarray:
    return np.asarray(rows.column("label"), dtype=np.int8)


def _with(rows: pa.Table, name: str, values: np.ndarray) -> pa.Table:
    at = rows.column_names.index(name)
    return rows.set_column(at, name, pa.chunked_array([pa.array(values).cast(rows.schema.field(name).type)]))
