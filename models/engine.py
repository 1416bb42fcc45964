"""The embedded engine: DuckDB in process, through Ibis, within a memory limit."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import ibis

from models.spec import Tables


@contextmanager
def open_tables(
    files: Mapping[str, Path], *, threads: int, memory_limit_gb: float, spill: Path
) -> Iterator[tuple[ibis.BaseBackend, Tables]]:
    """Open Parquet `files` as tables; the connection ends with the block.

    Parameters
    ----------
    files
        Parquet file of each canonical table.
    threads, memory_limit_gb
        What the engine may use; past the limit it spills.
    spill
        Folder for what does not fit into memory.
    """
    connection = ibis.duckdb.connect(threads=threads, memory_limit=f"{memory_limit_gb}GB", temp_directory=str(spill))
    try:
        yield connection, {name: connection.read_parquet(path, table_name=name) for name, path in files.items()}
    finally:
        connection.disconnect()
