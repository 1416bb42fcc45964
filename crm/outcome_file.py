"""Files of outcomes, CSV or Parquet, read in batches: each row a report, or the rule that held it back."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.csv as arrow_csv
import pyarrow.parquet as pq

from caregate.errors import BadInput
from governance.outcome import Reported

COLUMNS = ("model", "prediction_id", "record_id", "happened", "known_at")
REQUIRED = ("happened", "known_at")
ROWS = 10_000
"""Rows of a batch."""
BLOCK = 1 << 20
WORDS = {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}

UNREADABLE_HAPPENED = "happened-is-neither-true-nor-false"
UNREADABLE_MOMENT = "known-at-is-no-moment"


class UnfitOutcomes(BadInput):
    """The file holds no outcomes."""

    def __init__(self, why: str) -> None:
        super().__init__(
            f"the file {why}: it takes the columns {', '.join(REQUIRED)}, and model with record_id, or prediction_id"
        )


def read_outcomes(path: Path) -> Iterator[list[Reported | str]]:
    """Yield the rows of the file at `path`, some at a time, each as what it reports or the rule that held it back.

    Raises
    ------
    UnfitOutcomes
        If it cannot be read, or has other columns.
    """
    try:
        for batch in _batches(path):
            yield [_row(row) for row in batch.to_pylist()]
    except (OSError, pa.ArrowException, UnicodeDecodeError):
        raise UnfitOutcomes("cannot be read as CSV in UTF-8 or as Parquet") from None


def _batches(path: Path) -> Iterator[pa.RecordBatch]:
    if path.suffix == ".parquet":
        with pq.ParquetFile(path) as file:
            _require(file.schema_arrow.names)
            yield from file.iter_batches(batch_size=ROWS)
        return
    texts = arrow_csv.ConvertOptions(
        column_types=dict.fromkeys(COLUMNS, pa.string()), strings_can_be_null=True, null_values=[""]
    )
    reading = arrow_csv.ReadOptions(block_size=BLOCK)
    with arrow_csv.open_csv(path, read_options=reading, convert_options=texts) as file:
        _require(file.schema.names)
        yield from file


def _require(names: list[str]) -> None:
    unknown, missing = set(names) - set(COLUMNS), set(REQUIRED) - set(names)
    if unknown:
        raise UnfitOutcomes(f"has {len(unknown)} column(s) that are not known")
    if missing or len(set(names)) < len(names):
        raise UnfitOutcomes(f"lacks {', '.join(sorted(missing))}" if missing else "names a column twice")
    if not {"prediction_id", "record_id"} & set(names):
        raise UnfitOutcomes("names neither predictions nor records")


def _row(row: Mapping[str, Any]) -> Reported | str:
    happened = _flag(row["happened"])
    if happened is None:
        return UNREADABLE_HAPPENED
    known = _moment(row["known_at"])
    if known is None:
        return UNREADABLE_MOMENT
    return Reported(_text(row, "model"), happened, known, _text(row, "prediction_id"), _text(row, "record_id"))


def _text(row: Mapping[str, Any], name: str) -> str | None:
    value = row.get(name)
    return str(value).strip() or None if value is not None else None


def _flag(value: Any) -> bool | None:
    return WORDS.get(str(value).strip().lower())


def _moment(value: Any) -> datetime | None:
    try:
        moment = value if isinstance(value, datetime) else datetime.fromisoformat(str(value).strip())
    except ValueError:
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
