"""Scoring and evaluating files: read at the door, asked of one version, identifiers put back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow.compute as pc

from caregate.clock import Clock, system_clock
from caregate.errors import BadInput, Refused
from caregate.secret_store import read_secrets
from caregate.settings import Settings, place_for_output
from crm.scoring_input import load_for_scoring
from crm.source import make_source
from governance.database import ledger_database, open_database
from governance.ledger import Ledger
from governance.vault import Vault
from models.artifact import load_model
from models.catalogue import spec_of
from models.splitting import TooLittleData
from registry.artifacts import artifact_folder
from registry.digest import verified_manifest
from registry.judging import scored_rows
from registry.versions import read_version
from serving.batch import WRITERS, ScoredTable, UnknownOutputForm, score_table, write_scores
from serving.champions import NotServed
from serving.policy import load_serving_policy
from serving.registry_champions import RegistryChampions
from serving.served import Served, load_served
from serving.snapshots import SnapshotHistory
from validation.measuring import measure
from validation.policy import load_policy


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
    clock: Clock = system_clock,
) -> Filed:
    """Score a file by the champion, for `by`, and write one row for every row of it.

    Raises
    ------
    NotScoring
        If no version may score.
    BadInput
        If the input cannot be read, or the output's form is unknown or its place the home's own; nothing was written
        then.
    """
    _check_output(settings, output)
    spec = spec_of(model)
    try:
        champion = RegistryChampions(settings, clock=clock).champion(model)
        served = load_served(champion, spec, load_policy(model))
    except NotServed as refusal:
        raise NotScoring(model, str(refusal)) from None
    scored = _score(settings, served, source, location, explain=True)
    write_scores(scored.output, output)
    statuses = dict(scored.output["status"].value_counts().iter_rows())
    ledger = Ledger(ledger_database(settings), clock)
    ledger.append(by, "model.score-file", f"{model}/{served.version}", digest=champion.digest, **statuses)
    return Filed(served.version, statuses)


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
        write_scores(scored.output, output)
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


def _score(settings: Settings, served: Served, source: str, location: Path, *, explain: bool) -> ScoredTable:
    vault = Vault(ledger_database(settings), read_secrets(settings.secrets_file).vault_key_bytes)
    table = served.spec.table
    tables, records = load_for_scoring(make_source(source), str(location), vault, table=table)
    if table not in tables or tables[table].height == 0:
        raise NothingToScore(table)
    history = SnapshotHistory(
        settings.snapshots_dir, threads=settings.threads, memory_limit_gb=settings.memory_limit_gb
    ).history(table)
    return score_table(served, history, tables[table], records, load_serving_policy(), explain=explain)
