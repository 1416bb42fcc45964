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
from governance.prediction_batches import write_part
from governance.vault import Vault
from models.spec import ModelSpec
from serving.answers import answers
from serving.batch_consents import FileConsents
from serving.batch_job import Job
from serving.file_history import FileHistory
from serving.policy import ServingPolicy
from serving.served import Served
from serving.spreadsheets import unarmed
from serving.withholding import NO_CONSENT, NOT_FOR_IT, UNKNOWN_PATIENT

ROWS = 65_536
"""Rows of a part: what is in memory at once is a few of these, whatever the file."""
DOOR, FEATURES, SCORES = "door", "features.parquet", "scores"
DONE = "done"
ABOUT = ("row_number", "source_record", "token", "patient", "rule", "known", "told", "record_id")


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
    """

    served: Served
    policy: ServingPolicy
    consents: FileConsents
    shown: int


def pass_door(job: Job, source: Source, location: str, vault: Vault, spec: ModelSpec, *, rows: int = ROWS) -> None:
    """Read the input in parts, hold each against the rules, and keep it with tokens."""
    if (job.folder / DONE).exists():
        return
    first = job.part(DOOR, 0).parent
    skip = len(list(first.glob("[0-9]*.parquet")))
    read = parts_for_scoring(source, location, vault, table=spec.table, rows=rows, skip=skip)
    for number, (canonical, records) in enumerate(read, start=skip):
        whole = records.join(canonical, left_on="token", right_on=spec.record_id, how="left", maintain_order="left")
        _write_aside(whole.rename({"token": spec.record_id}), job.part(DOOR, number))
    (job.folder / DONE).touch()


def make_features(job: Job, history: FileHistory, spec: ModelSpec) -> Path:
    """Ask the history about all rows at once, and return the file of their features."""
    features = job.folder / FEATURES
    if not features.exists():
        aside = job.folder / f".{FEATURES}"
        history.write_features(spec, sorted((job.folder / DOOR).glob("[0-9]*.parquet")), aside)
        aside.replace(features)
    job.forget(DOOR)
    return features


def answer_parts(
    job: Job, features: Path, how: Answering, predictions: Path, suffix: str, *, threads: int, rows: int = ROWS
) -> list[Path]:
    """Answer the rows of `features` in parts, several at a time, and return the parts in order.

    Parameters
    ----------
    job
        Keeps the parts.
    features
        As `make_features` wrote it.
    how
        What they are answered with.
    predictions
        Folder for what was predicted.
    suffix
        Form of the output: ``.csv`` or ``.parquet``.
    threads
        Parts that are worked on at a time.
    rows
        Rows of a part.
    """
    predictions.mkdir(mode=0o700, parents=True, exist_ok=True)
    parts: list[Path] = []

    def work() -> Iterator[Callable[[], None]]:
        for number, batch in enumerate(_batches(features, how, rows)):
            parts.append(job.part(SCORES, number, suffix))
            if not parts[-1].exists():
                yield _task(batch, how, predictions / f"{number:06}.parquet", parts[-1])

    _run(work(), threads)
    return parts


def _batches(features: Path, how: Answering, rows: int) -> Iterator[pa.RecordBatch]:
    columns = [*ABOUT, *(column.name for column in how.served.fitted.columns)]
    with pq.ParquetFile(features, pre_buffer=False) as file:  # what is read ahead is kept until the file is closed
        yield from file.iter_batches(batch_size=rows, columns=columns)


def _task(batch: pa.RecordBatch, how: Answering, predictions: Path, output: Path) -> Callable[[], None]:
    return lambda: _answer(pa.Table.from_batches([batch]), how, predictions, output)


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


def _answer(rows: pa.Table, how: Answering, predictions: Path, output: Path) -> None:
    about = pl.DataFrame(pl.from_arrow(rows.select(ABOUT)))
    held = _held(about, how.consents)
    found = answers(how.served, how.served.fitted.encode(rows), held, how.policy, shown=how.shown)
    recorded = found.select(
        about["row_number"].alias("row"),
        about["patient"],
        about["token"].alias("record"),
        *("inputs_digest", "status", "score", "band", "reasons", "why"),
    )
    write_part(recorded.to_arrow(), predictions)
    version = pl.lit(how.served.version, pl.Int64).alias("model_version")
    told = found.select(about["source_record"].alias("record_id"), "status", "score", "band", "reasons", version, "why")
    _write_aside(told, output)


def _held(about: pl.DataFrame, consents: FileConsents) -> pl.Series:
    """Return why each row is not scored before the model is asked, null where nothing stands against it."""
    refused = consents.refused(about["patient"])
    return about.select(
        pl.coalesce(
            "rule",
            pl.when(refused).then(pl.lit(NO_CONSENT)),
            pl.when(pl.col("told") & ~pl.col("known")).then(pl.lit(UNKNOWN_PATIENT)),
            pl.when(pl.col("record_id").is_null()).then(pl.lit(NOT_FOR_IT)),
        )
    ).to_series()


def _write_aside(frame: pl.DataFrame, path: Path) -> None:
    aside = path.with_name(f".{path.name}")
    if path.suffix == ".csv":
        unarmed(frame).write_csv(aside, include_header=False)
    else:
        frame.write_parquet(aside)
    aside.replace(path)
