"""Scoring files: read at the door, asked of one version, identifiers put back."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path

import pyarrow.compute as pc
import pyarrow.parquet as pq

from caregate.clock import Clock, system_clock
from caregate.errors import BadInput, Refused
from caregate.settings import Settings, place_for_output
from crm.source import make_source
from governance.consents import Consents
from governance.database import ledger_database
from governance.ledger import Ledger, digest_of
from governance.prediction_batches import Batch, PredictionBatches, file_digest, part_of, read_parts
from governance.vault import vault_of
from models.artifact import load_model
from models.catalogue import spec_of
from registry.champion import Champion
from serving.abstaining import OTHER, abstained_for
from serving.batches.batch import WRITERS, UnknownOutputForm
from serving.batches.consents import consents_of
from serving.batches.file_history import FileHistory
from serving.batches.job import open_job, remove_unfinished, scoring_folder
from serving.batches.output import write_output
from serving.batches.sealed_ids import SealedIds
from serving.batches.stages import ROWS, Answering, answer_parts, make_features, pass_door
from serving.champions import NotServed
from serving.policy import load_serving_policy
from serving.question import PurposeRefused
from serving.registry_champions import RegistryChampions
from serving.served import load_served
from serving.withholding import SCORE, Placing, stale
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
    """What became of a scored file.

    Attributes
    ----------
    version
        Which answered.
    statuses, abstained
        Rows by status, and those that were not scored by why, in a word as `serving.abstaining` has it or the rule
        that held them back at the door.
    """

    version: int
    statuses: Mapping[str, int]
    abstained: Mapping[str, int]


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
    check_output(settings, output)
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
        vault = vault_of(settings)
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
        abstained = _whys(batches.place(job.batch), len(parts))
    return Filed(champion.version, statuses, abstained)


def _whys(folder: Path, parts: int) -> dict[str, int]:
    counts: Counter[str] = Counter()
    for number in range(parts):
        whys = pc.value_counts(pq.read_table(part_of(folder, number), columns=["why"]).column("why").drop_null())
        for item in whys.to_pylist():
            word = abstained_for(item["values"])
            counts[item["values"] if word == OTHER else word] += item["counts"]
    return dict(counts.most_common())


def check_output(settings: Settings, output: Path) -> None:
    """Refuse an output whose form is unknown, or whose place is the home's own."""
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


def _digest_of_input(location: Path) -> str:
    files = sorted(path for path in location.iterdir() if path.is_file()) if location.is_dir() else [location]
    return digest_of({path.name: file_digest(path) for path in files if path.is_file()})
