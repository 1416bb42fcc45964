"""Evaluating a version on a file of labelled rows: measured with bounds, never served."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow.compute as pc

from caregate.settings import Settings
from crm.scoring_input import load_for_scoring
from crm.source import make_source
from governance.database import open_database
from governance.vault import vault_of
from models.artifact import load_model
from models.catalogue import spec_of
from models.splitting import TooLittleData
from registry.artifacts import artifact_folder
from registry.digest import verified_manifest
from registry.judging import scored_rows
from registry.versions import read_version
from serving.batches.batch import ScoredTable, score_table, write_scores
from serving.batches.files import NothingToScore, check_output
from serving.known.snapshots import snapshot_history
from serving.policy import load_serving_policy
from serving.served import Served
from validation.measuring import measure
from validation.policy import load_policy


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
        check_output(settings, output)
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


def _score(settings: Settings, served: Served, source: str, location: Path, *, explain: bool) -> ScoredTable:
    table = served.spec.table
    tables, records = load_for_scoring(make_source(source), str(location), vault_of(settings), table=table)
    if table not in tables or tables[table].height == 0:
        raise NothingToScore(table)
    history = snapshot_history(settings).history(table)
    return score_table(served, history, tables[table], records, load_serving_policy(), explain=explain)
