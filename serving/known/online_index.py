"""Building an online store: a snapshot's Parquet files are streamed into columns, written aside and renamed."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import shutil
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from crm.atomic_folder import only_writer, write_whole
from crm.tables import IDENTIFIERS, TABLES
from serving.known.online_store import IN_USE, LAYOUT, Array, OnlineStore

FORM: Final = 1
"""Counts up when the files of a store change their meaning."""
PATIENT: Final = "patient_id"
BATCH: Final = 65_536
"""Rows that are in memory at a time."""
TYPES: Final[Mapping[pa.DataType, str]] = {
    pa.bool_(): "int8",
    pa.int8(): "int16",
    pa.int16(): "int32",
    pa.int64(): "int64",
    pa.date32(): "int32",
    pa.timestamp("us"): "int64",
}
"""How columns are stored: the least number of each type stands for null, which no canonical value is."""

Keys = Mapping[str, Sequence[str]]
Layout = dict[str, Any]


def open_store(
    root: Path, name: str, files: Mapping[str, Path], keys: Keys, *, threads: int, memory_limit_gb: float
) -> OnlineStore:
    """Return the store of a snapshot, building it where no process has done so yet.

    Parameters
    ----------
    root
        Folder of the stores.
    name
        Of the snapshot.
    files
        The snapshot's Parquet file of each canonical table.
    keys
        The columns of each table that rows are looked for by, besides the patient.
    threads, memory_limit_gb
        What building may use; past the limit it spills.
    """
    plan = json.dumps([FORM, {table: sorted(keys.get(table, ())) for table in sorted(files)}])
    name = f"{name}-{hashlib.sha256(plan.encode()).hexdigest()[:8]}"

    def fill(folder: Path) -> None:
        build_store(folder, files, keys, threads=threads, memory_limit_gb=memory_limit_gb)

    while True:
        try:
            return OnlineStore(write_whole(root, name, fill))
        except FileNotFoundError:  # removed between the two, as one that nobody used
            continue


def remove_unused(root: Path, *, keep: Collection[str]) -> None:
    """Remove the stores under `root` that no process reads, but for those of the snapshots named in `keep`."""
    root.mkdir(parents=True, exist_ok=True, mode=0o700)
    with only_writer(root):
        every = [path.parent for path in root.glob(f"[0-9a-f]*/{IN_USE}")]
        for folder in [path for path in every if path.name.rpartition("-")[0] not in keep]:
            descriptor = os.open(folder / IN_USE, os.O_RDONLY)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                continue
            else:
                shutil.rmtree(folder)
            finally:
                os.close(descriptor)


def build_store(folder: Path, files: Mapping[str, Path], keys: Keys, *, threads: int, memory_limit_gb: float) -> None:
    """Fill `folder` with the columns and indexes of `files`; parameters as of `open_store`."""
    spill = folder / "spill"
    spill.mkdir()
    config: dict[str, Any] = {"threads": threads, "memory_limit": f"{memory_limit_gb}GB", "temp_directory": str(spill)}
    layout: dict[str, Layout] = {}
    with duckdb.connect(":memory:", config=config) as database:
        for table, file in files.items():
            layout[table] = _write_columns(folder, table, file, database)
            for column in dict.fromkeys((PATIENT, *keys.get(table, ()))):
                _write_index(folder, table, column, layout[table][column])
    shutil.rmtree(spill)
    (folder / LAYOUT).write_text(json.dumps(layout), encoding="utf-8")
    (folder / IN_USE).touch()


def _write_columns(folder: Path, table: str, file: Path, database: duckdb.DuckDBPyConnection) -> Layout:
    schema = TABLES[table]
    layout = {field.name: _form(table, field, file, database) for field in schema}
    columns = ", ".join(f'"{name}"' for name in schema.names)
    rows = database.sql(
        f"SELECT {columns} FROM read_parquet(?, file_row_number = true) ORDER BY {PATIENT}, file_row_number",  # noqa: S608
        params=[str(file)],
    )
    outputs = {name: (folder / f"{table}.{name}").open("wb") for name in schema.names}
    try:
        for batch in rows.to_arrow_reader(BATCH):
            for name, output in outputs.items():
                values = _stored(batch.column(name).cast(schema.field(name).type), layout[name])
                output.write(values.tobytes())
    finally:
        for output in outputs.values():
            output.close()
    return layout


def _form(table: str, field: pa.Field, file: Path, database: duckdb.DuckDBPyConnection) -> Layout:
    def ask(what: str) -> list[Any]:
        return [row[0] for row in database.execute(f"SELECT {what} FROM read_parquet(?)", [str(file)]).fetchall()]  # noqa: S608

    name = f'"{field.name}"'
    if field.name in IDENTIFIERS[table]:
        [width] = ask(f"coalesce(max(strlen({name})), 1)")
        return {"form": "token", "type": f"S{max(width, 1)}", "in_order": field.name == PATIENT}
    if field.type == pa.string():
        words = sorted(word for word in ask(f"DISTINCT {name}") if word is not None)
        return {"form": "word", "type": "int32", "words": words, "in_order": False}
    [absent] = ask(f"count(*) FILTER ({name} IS NULL)")
    return {"form": "number", "type": TYPES[field.type], "nulls": bool(absent), "in_order": False}


def _stored(values: pa.Array, layout: Layout) -> Array:
    kind: np.dtype[Any] = np.dtype(layout["type"])
    if layout["form"] == "token":
        return np.array(values.fill_null("").to_pylist(), dtype=kind)
    if layout["form"] == "word":
        codes = pc.index_in(values, pa.array(layout["words"], pa.string()))
        return np.asarray(pc.add(pc.fill_null(codes, -1), 1), dtype=kind)
    wide = pa.from_numpy_dtype(kind)
    numbers = values.view(wide) if pa.types.is_temporal(values.type) else values.cast(wide)
    return np.asarray(pc.fill_null(numbers, int(np.iinfo(kind).min)), dtype=kind)


def _write_index(folder: Path, table: str, column: str, layout: Layout) -> None:
    path = folder / f"{table}.{column}"
    stored = np.fromfile(path, dtype=layout["type"])
    places = None if layout["in_order"] else np.argsort(stored, kind="stable")
    ordered = stored if places is None else stored[places]
    first = np.ones(len(ordered), dtype=bool)
    first[1:] = ordered[1:] != ordered[:-1]
    starts = np.append(np.flatnonzero(first), len(ordered)).astype("int64")
    ordered[first].tofile(folder / f"{path.name}.values")
    starts.tofile(folder / f"{path.name}.starts")
    if places is not None:
        places.astype("int64").tofile(folder / f"{path.name}.places")
