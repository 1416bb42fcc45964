"""Rows to write back: scores out of a file as `caregate score` writes it, or out of the day's predictions."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Any

import msgspec
import polars as pl
from sqlalchemy import Engine, select

from caregate.errors import BadInput
from crm.spreadsheets import unmarked
from governance.schema import predictions

SCORED = "scored"
COLUMNS = ("record_id", "status", "score", "band", "reasons", "model_version", "why")
"""What `caregate score` writes."""
TEXT = dict.fromkeys(("record_id", "status", "band", "reasons", "why"), pl.String())
READERS: Mapping[str, Callable[[Path], pl.DataFrame]] = {
    ".csv": lambda path: unmarked(pl.read_csv(path, schema_overrides=TEXT)),
    ".parquet": pl.read_parquet,
}


class NoScores(BadInput):
    """The input is no file of scores."""

    def __init__(self) -> None:
        super().__init__(
            "the input cannot be read as scores: name a .csv or .parquet file that `caregate score` wrote, with the "
            f"columns {', '.join(COLUMNS)}"
        )


class NotThere(BadInput):
    """The input is no file."""

    def __init__(self, path: Path) -> None:
        super().__init__(f"{path.name}: there is no such file")


class RecordTwice(BadInput):
    """The input holds a record twice."""

    def __init__(self) -> None:
        super().__init__("the input holds a record twice: score the file again and write that one back")


@dataclass(frozen=True, slots=True)
class ScoredRow:
    """One score that may be written back.

    Attributes
    ----------
    record
        The CRM's own id of the record, or its token where it comes from the predictions.
    patient
        Token of the patient, where the prediction says it.
    version, score, band, reasons
        What was answered; each reason with whether it raised the score.
    """

    record: str = field(repr=False)
    patient: str | None = field(repr=False)
    version: int
    score: float
    band: str
    reasons: tuple[tuple[str, bool], ...]


@dataclass(frozen=True)
class Scores:
    """What an input holds: the scored rows, and how many abstained.

    Attributes
    ----------
    tokens
        Whether the rows name their records by tokens, and not by the CRM's ids.
    """

    rows: tuple[ScoredRow, ...] = field(repr=False)
    abstained: int
    tokens: bool


def scores_of_file(path: Path) -> Scores:
    """Read a file that `caregate score` wrote.

    Raises
    ------
    NotThere
        If there is no such file.
    NoScores
        If it is none.
    RecordTwice
        If it holds a record twice.
    """
    frame = read_scores(path)
    scored = frame.filter(pl.col("status") == SCORED)
    if scored["record_id"].is_duplicated().any():
        raise RecordTwice
    try:
        rows = tuple(_of_file(row) for row in scored.iter_rows(named=True))
    except (TypeError, ValueError, KeyError, msgspec.MsgspecError):
        raise NoScores from None
    return Scores(rows, frame.height - scored.height, tokens=False)


def read_scores(path: Path) -> pl.DataFrame:
    """Read the columns of a file of scores.

    Raises
    ------
    NotThere
        If there is no such file.
    NoScores
        If it cannot be read, or lacks one.
    """
    if not path.is_file():
        raise NotThere(path)
    try:
        return READERS[path.suffix](path).select(COLUMNS)
    except (KeyError, OSError, pl.exceptions.PolarsError):
        raise NoScores from None


def scores_of_day(engine: Engine, model: str, day: date) -> Scores:
    """Return what was last predicted on `day` (UTC) of each record; what names no record cannot be written back."""
    since = datetime.combine(day, time(), UTC)
    told = (predictions.c.model == model) & (predictions.c.at >= since) & (predictions.c.at < since + timedelta(days=1))
    query = select(predictions).where(told, predictions.c.record.is_not(None)).order_by(predictions.c.at)
    with engine.connect() as connection:
        last = {row["record"]: row for row in connection.execute(query).mappings()}
    scored = tuple(_of_prediction(row) for row in last.values() if row["status"] == SCORED)
    return Scores(scored, len(last) - len(scored), tokens=True)


def _of_file(row: Mapping[str, Any]) -> ScoredRow:
    reasons = msgspec.json.decode(row["reasons"] or "[]")
    if not row["record_id"] or not row["band"]:
        raise ValueError
    return ScoredRow(
        row["record_id"], None, int(row["model_version"]), float(row["score"]), row["band"], _reasons(reasons)
    )


def _of_prediction(row: Mapping[Any, Any]) -> ScoredRow:
    return ScoredRow(
        row["record"], row["patient"], row["version"], row["score"], row["band"], _reasons(row["reasons"] or [])
    )


def _reasons(told: Any) -> tuple[tuple[str, bool], ...]:
    return tuple((str(reason["text"]), float(reason["contribution"]) > 0) for reason in told)
