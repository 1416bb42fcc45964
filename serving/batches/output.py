"""The output of a scored file: its predictions, with the source's own record ids in the place of tokens."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from crm.spreadsheets import unarmed
from governance.prediction_batches import prediction_ids
from serving.batches.batch import OUTPUT

WRITTEN = pl.Schema({**OUTPUT, "prediction_id": pl.String()})
"""`OUTPUT`, and by which id the prediction of each row is on record."""
TAKEN = ("row", "status", "score", "band", "reasons", "why")


def write_output(batch: str, version: int, predictions: Sequence[Path], ids: Iterable[pl.Series], path: Path) -> None:
    """Write what a batch predicted aside, part by part, and rename the whole to `path`.

    Parameters
    ----------
    batch, version
        Id of the batch, and the version that answered.
    predictions
        The batch's parts.
    ids
        The source's own record ids in the order of the rows.
    path
        Ends in .csv or .parquet.
    """
    aside = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    opened = _csv if path.suffix == ".csv" else _parquet
    rows = _Ids(ids)
    try:
        with opened(aside) as write:
            for part in predictions:
                found = pl.DataFrame(pl.from_arrow(pq.read_table(part, columns=list(TAKEN))))
                write(_told(found, rows.take(found.height), batch, version))
        aside.replace(path)
    finally:
        aside.unlink(missing_ok=True)


class _Ids:
    """Hands out record ids in any number, however they are parted."""

    def __init__(self, parts: Iterable[pl.Series]) -> None:
        self._parts = iter(parts)
        self._left = pl.Series(dtype=pl.String)

    def take(self, count: int) -> pl.Series:
        while len(self._left) < count:
            self._left = pl.concat([self._left, next(self._parts)])
        taken, self._left = self._left.head(count), self._left.slice(count)
        return taken


def _told(found: pl.DataFrame, ids: pl.Series, batch: str, version: int) -> pl.DataFrame:
    named = found.with_columns(
        record_id=ids,
        model_version=pl.lit(version, pl.Int64),
        prediction_id=prediction_ids(batch),
    )
    return named.select(pl.col(name).cast(kind) for name, kind in WRITTEN.items())


@contextmanager
def _csv(path: Path) -> Iterator[Callable[[pl.DataFrame], object]]:
    with path.open("wb") as file:
        file.write((",".join(WRITTEN) + "\n").encode())
        yield lambda frame: unarmed(frame).write_csv(file, include_header=False)


@contextmanager
def _parquet(path: Path) -> Iterator[Callable[[pl.DataFrame], object]]:
    schema = _arrow(WRITTEN.to_frame()).schema
    with pq.ParquetWriter(path, schema, use_dictionary=["status", "band", "why"]) as file:
        yield lambda frame: file.write_table(_arrow(frame))


def _arrow(frame: pl.DataFrame) -> pa.Table:
    return frame.to_arrow(compat_level=pl.CompatLevel.oldest())
