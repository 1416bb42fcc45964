"""Judging a fitted model: held-out rows, baselines, gates, evidence, and the candidate that comes of them."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa

from crm.snapshot import Manifest
from models.artifact import FILES, FittedModel
from models.baselines import baseline_scores
from models.spec import ModelSpec, Split
from models.splitting import Parts, patient_codes, split
from models.training import fit, importance
from registry.brief import review_brief
from registry.candidate import Candidate
from registry.evidence import Evidence, overall_metrics, write_evidence
from validation.gates.data import data
from validation.gates.panel import judge
from validation.measuring import measure
from validation.parts import Parts as Sides
from validation.policy import Policy
from validation.quality import SplitQuality, split_quality
from validation.scored import Flags, Grouping, ScoredRows
from validation.suites.on_snapshot import PAGE, RESULT, read_result

EXPLAINED = 500
"""Rows whose contributions are averaged into the global importance: its order no longer moves beyond."""
COMPARED = 200_000
"""Rows that the comparison of splits is made on: a difference between splits shows on far fewer."""


@dataclass(frozen=True)
class Run:
    """What a run is about.

    Attributes
    ----------
    spec, policy, snapshot
        The model, what is asked of it, and the data.
    author, key, seed
        Who ran it, what it is called, and its chance.
    threads
        Of XGBoost.
    quality
        Folder with what the suites found of the data.
    """

    spec: ModelSpec
    policy: Policy
    snapshot: Manifest
    author: str
    key: str
    seed: int
    threads: int
    quality: Path


def judge_model(run: Run, model: FittedModel, rows: pa.Table, model_folder: Path, folder: Path) -> Candidate:
    """Judge `model` on the held-out part of `rows` and fill `folder` with it and its evidence."""
    parts = split(rows, run.spec.split, seed=run.seed)
    train, test = rows.filter(pa.array(parts.train)), rows.filter(pa.array(parts.test))
    baselines = baseline_scores(run.spec, model, train, test, seed=run.seed)
    scored = scored_rows(run.spec, test, model.predict(test), baselines)
    measured = measure(scored, run.policy, _sides(run.spec, model, rows, parts))
    evidence = Evidence(
        spec=run.spec,
        snapshot=run.snapshot,
        policy=run.policy,
        rows=scored,
        measured=measured,
        gates=(data(read_result(run.quality)), *judge(measured, run.policy)),
        splits=_compare(run, scored, parts.description, rows),
        importance=importance(model, test.slice(0, EXPLAINED)),
        training=_training_facts(run, train, test, parts.description),
        author=run.author,
    )
    write_evidence(folder / "evidence", evidence)
    for name in FILES:
        shutil.copyfile(model_folder / name, folder / name)
    for name in (RESULT, PAGE):
        shutil.copyfile(run.quality / name, folder / "evidence" / name)
    return _candidate(run, evidence, folder)


def scored_rows(
    spec: ModelSpec, rows: pa.Table, score: np.ndarray, baselines: Mapping[str, np.ndarray] | None = None
) -> ScoredRows:
    """Return labelled `rows` of a feature table with their `score`, as the gates want them."""
    return ScoredRows(
        label=_label(rows),
        score=score,
        patient=patient_codes(rows),
        groups={name: _grouping(rows.column(f"group_{name}")) for name in spec.groups},
        strata={name: np.asarray(rows.column(f"stratum_{name}"), dtype=bool) for name in spec.strata},
        baselines=baselines or {},
    )


def _label(rows: pa.Table) -> Flags:
    return np.asarray(rows.column("label"), dtype=np.int8).astype(bool)


def _grouping(values: pa.ChunkedArray) -> Grouping:
    levels = sorted(value for value in values.unique().to_pylist() if value is not None)
    codes = pa.compute.index_in(values, pa.array(levels, pa.string())).fill_null(-1)
    return Grouping(np.asarray(codes, dtype=np.int64), tuple(levels))


def _sides(spec: ModelSpec, model: FittedModel, rows: pa.Table, parts: Parts) -> Sides:
    patient, inputs = patient_codes(rows), model.encode(rows)
    return Sides(
        split=spec.split.by,
        names=spec.feature_names,
        train_patient=patient[parts.train],
        test_patient=patient[parts.test],
        train_inputs=inputs[parts.train],
        test_inputs=inputs[parts.test],
    )


def _compare(run: Run, scored: ScoredRows, description: str, rows: pa.Table) -> tuple[SplitQuality, ...]:
    """Put the declared split beside a random one, which flatters: how much is what leaks between its parts."""
    declared = split_quality(description, scored.label, scored.score, declared=True)
    compared = rows if rows.num_rows <= COMPARED else rows.take(_drawn(rows.num_rows, run.seed))
    parts = split(compared, Split("random", run.spec.split.test_share), seed=run.seed)
    model = fit(run.spec, compared.filter(pa.array(parts.train)), seed=run.seed, threads=run.threads)
    test = compared.filter(pa.array(parts.test))
    return declared, split_quality(parts.description, _label(test), model.predict(test))


def _drawn(rows: int, seed: int) -> np.ndarray:
    return np.sort(np.random.default_rng(seed).choice(rows, COMPARED, replace=False))


def _training_facts(run: Run, train: pa.Table, test: pa.Table, description: str) -> dict[str, str]:
    return {
        "rows trained on": f"{train.num_rows:,}",
        "rows held out": f"{test.num_rows:,}",
        "split": description,
        "rounds": str(run.spec.rounds),
        "seed": str(run.seed),
        **{name: str(value) for name, value in run.spec.hyperparameters.items()},
    }


def _candidate(run: Run, evidence: Evidence, folder: Path) -> Candidate:
    estimates = {name: values["estimate"] for name, values in overall_metrics(evidence).items()}
    return Candidate(
        model=run.spec.name,
        author=run.author,
        run_key=run.key,
        folder=folder,
        metrics={_metric_name(name): value for name, value in estimates.items() if value is not None},
        params=dict(evidence.training),
        gates={gate.gate: gate.verdict for gate in evidence.gates},
        description=review_brief(evidence),
        risk_class=run.spec.risk_class,
        snapshot=run.snapshot.digest,
        policy=run.policy.digest,
    )


def _metric_name(name: str) -> str:
    return name.replace("[", ".").replace("]", "")
