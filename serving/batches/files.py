"""Scoring and evaluating files: read at the door, asked of one version, identifiers put back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path

import numpy as np
import pyarrow.compute as pc
import pyarrow.parquet as pq

from caregate.clock import Clock, system_clock
from caregate.errors import BadInput, Refused
from caregate.secret_store import read_secrets
from caregate.settings import Settings, place_for_output
from crm.scoring_input import load_for_scoring
from crm.source import make_source
from governance.consents import Consents
from governance.database import ledger_database, open_database
from governance.ledger import Ledger, digest_of
from governance.prediction_batches import Batch, PredictionBatches, file_digest, read_parts
from governance.vault import Vault
from models.artifact import load_model
from models.catalogue import spec_of
from models.splitting import TooLittleData
from registry.artifacts import artifact_folder
from registry.champion import Champion
from registry.digest import verified_manifest
from registry.judging import scored_rows
from registry.versions import read_version
from serving.batches.batch import WRITERS, ScoredTable, UnknownOutputForm, score_table, write_scores
from serving.batches.consents import consents_of
from serving.batches.file_history import FileHistory
from serving.batches.job import open_job, remove_unfinished, scoring_folder
from serving.batches.output import write_output
from serving.batches.sealed_ids import SealedIds
from serving.batches.stages import ROWS, Answering, answer_parts, make_features, pass_door
from serving.champions import NotServed
from serving.known.history import History
from serving.known.snapshots import SnapshotHistory
from serving.policy import load_serving_policy
from serving.registry_champions import RegistryChampions
from serving.scorer import PurposeRefused
from serving.served import Served, load_served
from serving.withholding import SCORE, Placing, stale
from validation.measuring import measure
from validation.policy import load_policy

SCORED = "model.score-file"
"""The ledger's word for a file that was scored; its digest is that of the predictions' parts."""


class NotScoring(Refused):
    """No version of the model may score now."""

    def __init__(self, model: str, why: str) -> None:
        super().__init__(f"{model} does not score: {why}")


class NothingToScore(BadInput):
    """The input holds no row of the model's table."""

    def __init__(self, table: str) -> None:
        super().__init__(f"the input holds no {table} to score")


@dataclass(frozen=True, slots=True)
class Filed:
    """What became of a scored file: rows by status, and the version that answered."""

    version: int
    statuses: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Interval:
    """An estimate with its bounds."""

    estimate: float
    low: float
    high: float


@dataclass(frozen=True)
class Evaluation:
    """How a version does on labelled rows.

    Attributes
    ----------
    version
        Which one.
    rows, positives, patients, left_out
        Rows that were measured, and those of the input that were not.
    metrics
        With bounds from a bootstrap of patients.
    """

    version: int
    rows: int
    positives: int
    patients: int
    left_out: int
    metrics: Mapping[str, Interval]


def score_file(
    settings: Settings,
    model: str,
    *,
    source: str,
    location: Path,
    output: Path,
    by: str,
    purpose: str | None = None,
    reasons: int | None = None,
    rows: int = ROWS,
    clock: Clock = system_clock,
) -> Filed:
    """Score a file by the champion, for `by`, and write one row for every row of it.

    Killed and started again with the same file, version and wishes, it goes on where it stopped.

    Parameters
    ----------
    settings, model, source, location, output, by
        Whose champion is asked what, by whom, and where the answers go.
    purpose
        What the scores are for; by default the first that the model's policy allows.
    reasons
        How many each answer shows; by default as many as over HTTP.
    rows
        Rows that are worked on at a time.
    clock
        Tells when it was begun.

    Raises
    ------
    NotScoring
        If no version may score.
    PurposeRefused
        If the model's policy does not allow the purpose.
    JobRuns
        If another process is at the same file.
    BadInput
        If the input cannot be read, or the output's form is unknown or its place the home's own; nothing was written
        then.
    """
    _check_output(settings, output)
    spec, policy = spec_of(model), load_policy(model)
    allowed = [item.name for item in policy.purposes.allowed]
    purpose = purpose or allowed[0]
    if purpose not in allowed:
        raise PurposeRefused(allowed)
    champion = _champion(settings, model, clock)
    served = load_served(champion, spec, policy, threads=1, fitted=replace(load_model(champion.folder), threads=1))
    history = FileHistory(settings, spec.table, spill=scoring_folder(settings) / "spill")
    engine = ledger_database(settings)
    shown = load_serving_policy().reasons.shown if reasons is None else reasons
    facts = {
        "input": _digest_of_input(location),
        "source": source,
        "champion": [model, champion.version, champion.digest],
        "known": history.as_of.isoformat(),
        "wishes": [purpose, shown, output.suffix, by, rows],
    }
    remove_unfinished(settings, clock() - timedelta(days=load_serving_policy().files.unfinished_days))
    with open_job(settings, facts, clock) as job:
        vault = _vault(settings)
        pass_door(job, make_source(source), str(location), vault, spec, rows=rows)
        words = {patient: (word.granted, word.at) for patient, word in Consents(engine).last_words(SCORE).items()}
        may = consents_of(words, history)
        features = make_features(job, history, spec, Placing(spec, policy.freshness), may)
        if not pq.read_metadata(features).num_rows:
            raise NothingToScore(spec.table)
        how = Answering(served, load_serving_policy(), may, shown, stale(history, policy.freshness, job.at))
        batches = PredictionBatches(settings)
        parts = answer_parts(features, how, batches.place(job.batch), threads=settings.threads, rows=rows)
        statuses, digests = read_parts(batches.place(job.batch), len(parts))
        _still_standing(settings, champion, clock)
        batch = Batch(job.batch, clock(), model, champion.version, by, purpose, digests)
        batches.finish(batch)
        Ledger(engine, clock).append_once(
            by, SCORED, f"{model}/{champion.version}", digest=batch.digest,
            batch=batch.id, champion=champion.digest, purpose=purpose, **statuses,
        )  # fmt: skip
        write_output(job.batch, champion.version, parts, SealedIds(job, vault).parts(), output)
    return Filed(champion.version, statuses)


def evaluate_file(
    settings: Settings, model: str, version: int, *, source: str, location: Path, output: Path | None = None
) -> Evaluation:
    """Measure any version on labelled rows; nothing is served by it.

    Raises
    ------
    UnknownVersion, DigestMismatch
        If the version is not there or its files were changed.
    BadInput
        If the input cannot be read or holds too few labels.
    """
    if output is not None:
        _check_output(settings, output)
    spec, policy = spec_of(model), load_policy(model)
    found = read_version(open_database(settings.registry_url), model, version)
    folder = artifact_folder(settings, found.location)
    verified_manifest(folder)
    served = Served(spec, load_model(folder), version, policy)
    scored = _score(settings, served, source, location, explain=output is not None)
    if output is not None:
        write_scores(scored.of_the_past(), output)
    rows = scored.features.filter(pc.is_valid(scored.features.column("label")))
    label = np.asarray(rows.column("label"))
    if len(np.unique(label)) < 2:
        raise TooLittleData("its labelled rows do not hold both outcomes")
    measured = measure(scored_rows(spec, rows, served.fitted.predict(rows)), policy).overall
    confidence = policy.bootstrap.confidence.value
    metrics = {}
    for name, draws in measured.metrics.items():
        low, high = draws.interval(confidence)
        metrics[name] = Interval(float(draws.sample[0]), float(low[0]), float(high[0]))
    left_out = scored.output.height - rows.num_rows
    return Evaluation(version, rows.num_rows, int(label.sum()), measured.patients, left_out, metrics)


def _check_output(settings: Settings, output: Path) -> None:
    if output.suffix not in WRITERS:
        raise UnknownOutputForm
    place_for_output(settings, output)


def _champion(settings: Settings, model: str, clock: Clock) -> Champion:
    try:
        return RegistryChampions(settings, clock=clock).champion(model)
    except NotServed as refusal:
        raise NotScoring(model, str(refusal)) from None


def _still_standing(settings: Settings, champion: Champion, clock: Clock) -> None:
    """Let nothing out of a version that was suspended or replaced while it answered."""
    now = _champion(settings, champion.model, clock)
    if (now.version, now.digest) != (champion.version, champion.digest):
        raise NotScoring(champion.model, "another version was promoted meanwhile; score the file again")


def _vault(settings: Settings) -> Vault:
    return Vault(ledger_database(settings), read_secrets(settings.secrets_file).vault_key_bytes)


def _history(settings: Settings, table: str) -> History:
    return SnapshotHistory(
        settings.snapshots_dir, threads=settings.threads, memory_limit_gb=settings.memory_limit_gb
    ).history(table)


def _digest_of_input(location: Path) -> str:
    files = sorted(path for path in location.iterdir() if path.is_file()) if location.is_dir() else [location]
    return digest_of({path.name: file_digest(path) for path in files if path.is_file()})


def _score(settings: Settings, served: Served, source: str, location: Path, *, explain: bool) -> ScoredTable:
    table = served.spec.table
    tables, records = load_for_scoring(make_source(source), str(location), _vault(settings), table=table)
    if table not in tables or tables[table].height == 0:
        raise NothingToScore(table)
    history = _history(settings, table)
    return score_table(served, history, tables[table], records, load_serving_policy(), explain=explain)
