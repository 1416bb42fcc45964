"""The stages of scoring a file: at the door, history, answers. Each stands in parts, and a part that stands is kept."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from crm.scoring_input import parts_for_scoring
from crm.source import Source
from governance.prediction_batches import part_of, write_part
from governance.vault import Vault
from models.spec import ModelSpec
from serving.assessment import MISSING
from serving.batches.answers import answers
from serving.batches.consents import FileConsents
from serving.batches.file_history import FileHistory
from serving.batches.job import Job
from serving.batches.sealed_ids import SealedIds
from serving.policy import ServingPolicy
from serving.served import Served
from serving.withholding import NO_CONSENT, NOT_FOR_IT, Placing

ROWS = 65_536
"""Rows of a part: what is in memory at once is a few of these, whatever the file."""
DOOR, FEATURES = "door", "features.parquet"
DONE = "done"
ABOUT = ("row_number", "token", "patient", "rule", "withheld", "record_id")


@dataclass(frozen=True)
class Answering:
    """What every part of a file is answered with.

    Attributes
    ----------
    served, policy
        The version, and what counts as training support.
    consents
        Who may be scored.
    shown
        How many reasons each answer shows.
    outdated
        Why nobody is scored, where what is known is too old.
    """

    served: Served
    policy: ServingPolicy
    consents: FileConsents
    shown: int
    outdated: str | None = None


def pass_door(job: Job, source: Source, location: str, vault: Vault, spec: ModelSpec, *, rows: int = ROWS) -> None:
    """Read the input in parts, hold each against the rules, and keep it with tokens, its record ids sealed."""
    if (job.folder / DONE).exists():
        return
    first, ids = job.part(DOOR, 0).parent, SealedIds(job, vault)
    skip = len(list(first.glob("[0-9]*.parquet")))
    read = parts_for_scoring(source, location, vault, table=spec.table, rows=rows, skip=skip)
    for number, (canonical, records) in enumerate(read, start=skip):
        ids.keep(number, records["record_id"])
        told = records.select("row_number", "token", rule=pl.coalesce(pl.lit(MISSING) + pl.col("lacking"), "rule"))
        whole = told.join(canonical, left_on="token", right_on=spec.record_id, how="left", maintain_order="left")
        _write_aside(whole.rename({"token": spec.record_id}), job.part(DOOR, number))
    (job.folder / DONE).touch()


def make_features(job: Job, history: FileHistory, spec: ModelSpec, placing: Placing, consents: FileConsents) -> Path:
    """Ask the history about all rows that may be scored at once, and return the file of their features."""
    features = job.folder / FEATURES
    if not features.exists():
        aside = job.folder / f".{FEATURES}"
        history.write_features(spec, sorted((job.folder / DOOR).glob("[0-9]*.parquet")), aside, placing, consents)
        aside.replace(features)
    job.forget(DOOR)
    return features


def answer_parts(features: Path, how: Answering, predictions: Path, *, threads: int, rows: int = ROWS) -> list[Path]:
    """Answer the rows of `features` in parts, several at a time, and return what was predicted, part by part.

    Parameters
    ----------
    features
        As `make_features` wrote it.
    how
        What they are answered with.
    predictions
        Folder for what is predicted; a part that stands there is kept.
    threads
        Parts that are worked on at a time.
    rows
        Rows of a part.
    """
    predictions.mkdir(mode=0o700, parents=True, exist_ok=True)
    parts: list[Path] = []

    def work() -> Iterator[Callable[[], None]]:
        for number, batch in enumerate(_batches(features, how, rows)):
            parts.append(part_of(predictions, number))
            if not parts[-1].exists():
                yield _task(batch, how, parts[-1])

    _run(work(), threads)
    return parts


def _batches(features: Path, how: Answering, rows: int) -> Iterator[pa.RecordBatch]:
    columns = [*ABOUT, *(column.name for column in how.served.fitted.columns)]
    with pq.ParquetFile(features, pre_buffer=False) as file:  # what is read ahead is kept until the file is closed
        yield from file.iter_batches(batch_size=rows, columns=columns)


def _task(batch: pa.RecordBatch, how: Answering, predictions: Path) -> Callable[[], None]:
    return lambda: _answer(pa.Table.from_batches([batch]), how, predictions)


def _run(tasks: Iterator[Callable[[], None]], threads: int) -> None:
    """Run `tasks` in order, a few at a time, and read no further ahead than that."""
    with ThreadPoolExecutor(threads) as pool:
        waiting: deque[Future[None]] = deque()
        for task in tasks:
            waiting.append(pool.submit(task))
            if len(waiting) > threads:
                waiting.popleft().result()
        for future in waiting:
            future.result()


def _answer(rows: pa.Table, how: Answering, predictions: Path) -> None:
    about = pl.DataFrame(pl.from_arrow(rows.select(ABOUT)))
    held = _held(about, how)
    found = answers(how.served, how.served.fitted.encode(rows), held, how.policy, shown=how.shown)
    recorded = found.select(
        about["row_number"].alias("row"),
        about["patient"],
        about["token"].alias("record"),
        *("inputs_digest", "status", "score", "band", "reasons", "why"),
    )
    write_part(recorded.to_arrow(), predictions)


def _held(about: pl.DataFrame, how: Answering) -> pl.Series:
    """Return why each row is not scored before the model is asked, null where nothing stands against it."""
    refused = how.consents.refused(about["patient"])  # asked again: somebody may have said no since the features
    return about.select(
        pl.coalesce(
            pl.lit(how.outdated, pl.String),
            "rule",
            pl.when(refused).then(pl.lit(NO_CONSENT)),
            "withheld",
            pl.when(pl.col("record_id").is_null()).then(pl.lit(NOT_FOR_IT)),
        )
    ).to_series()


def _write_aside(frame: pl.DataFrame, path: Path) -> None:
    aside = path.with_name(f".{path.name}")
    frame.write_parquet(aside)
    aside.replace(path)
