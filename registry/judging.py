"""Judging a fitted model: held-out rows, baselines, gates, evidence, and the candidate that comes of them."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date
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
from registry.champion import Champion
from registry.changes import predecessor_of
from registry.evidence import Evidence, overall_metrics, write_evidence
from registry.examining import examine
from registry.incumbent import Incumbent, scores_of
from validation.drift import Shift, feature_drift
from validation.drift_limits import load_drift_limits
from validation.gates.champion import NAME as CHAMPION
from validation.gates.data import data
from validation.gates.panel import judge
from validation.measuring import measure
from validation.parts import Parts as Sides
from validation.policy import Policy
from validation.probes.subject import Subject
from validation.quality import SplitQuality, split_quality
from validation.scored import Flags, Grouping, ScoredRows
from validation.suites.on_run import run_quality
from validation.suites.on_snapshot import write_quality
from validation.waivers import apply_waivers, ends

EXPLAINED = 500
"""Rows whose contributions are averaged into the global importance: its order no longer moves beyond."""
COMPARED = 200_000
"""Rows that splits, and both sides of one, are compared on: a difference shows on far fewer."""


@dataclass(frozen=True)
class Run:
    """What a run is about.

    Attributes
    ----------
    spec, policy, snapshot
        The model, what is asked of it, and the data.
    author, seed
        Who ran it, and its chance.
    key, recipe
        What it is called: with what it is compared with, and without.
    threads
        Of XGBoost.
    quality
        Folder with what the suites found of the data.
    files
        Parquet file of each canonical table that features are built from.
    incumbent
        The version in use; None where there is none.
    today
        The day on which waivers have to hold.
    consent_to
        The purpose that patients had to consent to; None where nobody is asked.
    left_out
        Patients of the snapshot who are left out because they said no since.
    """

    spec: ModelSpec
    policy: Policy
    snapshot: Manifest
    author: str
    key: str
    recipe: str
    seed: int
    threads: int
    quality: Path
    files: Mapping[str, Path]
    incumbent: Incumbent | None
    today: date
    consent_to: str | None = None
    left_out: int = 0

    @property
    def champion(self) -> Champion | None:
        """The version in use, where there is one that can be compared with."""
        return self.incumbent.champion if self.incumbent else None


def judge_model(run: Run, model: FittedModel, rows: pa.Table, model_folder: Path, folder: Path) -> Candidate:
    """Judge `model` on the held-out part of `rows` and fill `folder` with it and its evidence."""
    parts = split(rows, run.spec.split, seed=run.seed)
    subject = _subject(run, model, rows, parts, model_folder)
    train, test = subject.trained_on, subject.held_out
    scored, unavailable = _scored(run, subject, train, test)
    quality = run_quality(run.quality, subject, scored.score)
    measured = measure(scored, run.policy, _sides(run.spec, model, rows, parts), examine(subject, unavailable))
    gates = apply_waivers((data(quality), *judge(measured, run.policy)), run.policy, run.today)
    evidence = Evidence(
        spec=run.spec,
        snapshot=run.snapshot,
        policy=run.policy,
        rows=scored,
        measured=measured,
        gates=gates,
        splits=_compare(run, subject, scored, parts.description),
        importance=importance(model, test.slice(0, EXPLAINED)),
        training=_training_facts(run, train, test, parts.description),
        author=run.author,
        predecessor=predecessor_of(run.champion) if run.champion else None,
        incomparable=unavailable.get(CHAMPION, ""),
        drift=_drift(subject),
    )
    write_evidence(folder / "evidence", evidence)
    write_quality(folder / "evidence", quality)
    for name in FILES:
        shutil.copyfile(model_folder / name, folder / name)
    return _candidate(run, evidence, folder)


def _subject(run: Run, model: FittedModel, rows: pa.Table, parts: Parts, folder: Path) -> Subject:
    return Subject(
        spec=run.spec,
        policy=run.policy,
        model=model,
        folder=folder,
        rows=rows,
        train=parts.train,
        test=parts.test,
        files=run.files,
        seed=run.seed,
        threads=run.threads,
        consent_to=run.consent_to,
    )


def _scored(run: Run, subject: Subject, train: pa.Table, test: pa.Table) -> tuple[ScoredRows, dict[str, str]]:
    """Return the held-out rows with all scores, and why the version in use could not be compared with."""
    baselines = baseline_scores(run.spec, subject.model, train, test, seed=run.seed)
    scored = scored_rows(run.spec, test, subject.model.predict(test), baselines)
    if run.incumbent is None:
        return scored, {}
    theirs = scores_of(run.incumbent, test)
    if isinstance(theirs, str):
        return scored, {CHAMPION: theirs}
    return replace(scored, champion=theirs), {}


def _drift(subject: Subject) -> dict[str, Shift]:
    names = [column.name for column in subject.model.columns]
    sides = [subject.drawn(np.flatnonzero(part), COMPARED) for part in (subject.train, subject.test)]
    before, after = (subject.model.encode(subject.rows.take(pa.array(places))) for places in sides)
    return feature_drift(names, before, after, load_drift_limits())


def scored_rows(
    spec: ModelSpec, rows: pa.Table, score: np.ndarray, baselines: Mapping[str, np.ndarray] | None = None
) -> ScoredRows:
    """Return labelled `rows` of a feature table with their `score`, as the gates want them."""
    return ScoredRows(
        label=_label(rows),
        score=score,
        patient=patient_codes(rows),
        groups={name: grouping_of(rows.column(f"group_{name}")) for name in spec.groups},
        strata={name: np.asarray(rows.column(f"stratum_{name}"), dtype=bool) for name in spec.strata},
        baselines=baselines or {},
    )


def _label(rows: pa.Table) -> Flags:
    return np.asarray(rows.column("label"), dtype=np.int8).astype(bool)


def grouping_of(values: pa.ChunkedArray) -> Grouping:
    """Return the partition that a column of groups makes of its rows."""
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


def _compare(run: Run, subject: Subject, scored: ScoredRows, description: str) -> tuple[SplitQuality, ...]:
    """Put the declared split beside a random one, which flatters: how much is what leaks between its parts."""
    declared = split_quality(description, scored.label, scored.score, declared=True)
    compared = subject.rows.take(pa.array(subject.drawn(np.arange(subject.rows.num_rows), COMPARED)))
    parts = split(compared, Split("random", run.spec.split.test_share), seed=run.seed)
    model = fit(run.spec, compared.filter(pa.array(parts.train)), seed=run.seed, threads=run.threads)
    test = compared.filter(pa.array(parts.test))
    return declared, split_quality(parts.description, _label(test), model.predict(test))


def _training_facts(run: Run, train: pa.Table, test: pa.Table, description: str) -> dict[str, str]:
    said_no = {"patients left out because they said no": f"{run.left_out:,}"} if run.left_out else {}
    return {
        "rows trained on": f"{train.num_rows:,}",
        "rows held out": f"{test.num_rows:,}",
        **said_no,
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
        recipe=run.recipe,
        compared_with=run.champion.digest if run.champion else "",
        valid_until=ends(evidence.gates),
    )


def _metric_name(name: str) -> str:
    return name.replace("[", ".").replace("]", "")
