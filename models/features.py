"""Building a feature table: the spec's expression, run on the embedded engine, in the source's own row order."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import ibis
import pyarrow as pa
import pyarrow.compute as pc

from models.consent import consented
from models.engine import open_tables
from models.spec import ModelSpec, Tables


def feature_rows(
    spec: ModelSpec,
    files: Mapping[str, Path],
    *,
    threads: int,
    memory_limit_gb: float,
    spill: Path,
    consent_to: str | None = None,
) -> pa.Table:
    """Return the feature table of `spec` for the canonical tables in `files`, in the order of the source.

    Tokens are drawn at random, so rows are never put into their order: what is fitted would differ from home to home.

    Parameters
    ----------
    spec
        The model.
    files
        Parquet file of each canonical table that it reads.
    threads, memory_limit_gb, spill
        What the engine may use, and where it puts what does not fit into memory.
    consent_to
        The purpose that patients have to have consented to; ``consents`` has to be among `files` then.
    """
    with open_source(files, threads=threads, memory_limit_gb=memory_limit_gb, spill=spill, consent_to=consent_to) as (
        connection,
        tables,
    ):
        numbered = connection.read_parquet(files[spec.table], file_row_number=True)
        order = numbered.select(record_id=spec.record_id, position_="file_row_number")
        built = spec.build(tables).join(order, "record_id").order_by("position_").drop("position_")
        return built.to_pyarrow()


@contextmanager
def open_source(
    files: Mapping[str, Path],
    *,
    threads: int,
    memory_limit_gb: float,
    spill: Path,
    consent_to: str | None = None,
) -> Iterator[tuple[ibis.BaseBackend, Tables]]:
    """Open canonical tables as a model may read them; parameters as in `feature_rows`.

    Yields
    ------
    tuple of ibis.BaseBackend and Tables
        The engine, and the tables with the rows of those patients alone who may be read.
    """
    with open_tables(files, threads=threads, memory_limit_gb=memory_limit_gb, spill=spill) as (connection, tables):
        yield connection, consented(tables, consent_to) if consent_to else tables


def labelled(rows: pa.Table) -> pa.Table:
    """Return the rows whose label is known."""
    return rows.filter(pc.is_valid(rows.column("label")))
