"""Scoring files, beside a bare booster: ``python -m benchmarks.batch [--rows N] [--memory N …]``.

Both sides read the same feature Parquet, in parts of the same size. The peer encodes and asks the booster by
``inplace_predict`` with two threads, and writes nothing. Ours answers: score, band, support, consent, digests, a
prediction of every row, and the output put together. With ``--memory`` each number of rows runs in a process of its
own, whose greatest memory is printed.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Event, Thread

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from benchmarks.fitted_models import Fitted, fitted_models
from governance.prediction_batches import read_parts
from models.artifact import load_model
from models.catalogue import spec_of
from serving.batches.consents import FileConsents
from serving.batches.output import write_output
from serving.batches.stages import ROWS, Answering, answer_parts
from serving.policy import load_serving_policy
from serving.served import Served
from validation.policy import load_policy

THREADS, ROUNDS, MODEL = 2, 3, "no-show"


def main() -> None:
    """Print the tables."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--rows", type=int, default=500_000)
    arguments.add_argument("--memory", type=int, nargs="*", default=[])
    arguments.add_argument("--inside", nargs=2, help=argparse.SUPPRESS)
    given = arguments.parse_args()
    if given.inside:
        print_memory(Path(given.inside[0]), Path(given.inside[1]))
        return
    with fitted_models(MODEL) as (fitted,), TemporaryDirectory() as folder:
        features = Path(folder) / "features.parquet"
        write_features(fitted, features, given.rows)
        print_speed(fitted, features, given.rows, Path(folder))
        fitted.model.save(Path(folder) / "model")
        if given.memory:
            print("\n| rows | greatest, MB | greatest that no file backs, MB | seconds |\n|---:|---:|---:|---:|")
        for rows in given.memory:
            write_features(fitted, features, rows)
            command = [sys.executable, "-m", "benchmarks.batch", "--inside", str(features), str(Path(folder) / "model")]
            subprocess.run(command, check=True)


def write_features(fitted: Fitted, path: Path, rows: int) -> None:
    """Write the features of `rows` rows as the history writes them."""
    schema, size = None, fitted.rows.num_rows
    ids = pl.Series(fitted.rows.column("record_id").to_pylist())
    with TemporaryDirectory():
        writer = None
        for start in range(0, rows, size):
            part = fitted.rows.slice(0, min(size, rows - start))
            names = ids.head(part.num_rows)
            about = pl.DataFrame(
                {
                    "row_number": pl.int_range(start + 1, start + part.num_rows + 1, eager=True),
                    "token": names + f"-{start}",
                    "patient": names,
                    "rule": pl.Series([None] * part.num_rows, dtype=pl.String),
                    "withheld": pl.Series([None] * part.num_rows, dtype=pl.String),
                }
            ).to_arrow()
            for name in part.column_names:
                about = about.append_column(name, part.column(name))
            schema = schema or about.schema
            writer = writer or pq.ParquetWriter(path, schema)
            writer.write_table(about.cast(schema))
        if writer:
            writer.close()


def print_speed(fitted: Fitted, features: Path, rows: int, folder: Path) -> None:
    """Print rows a second of the bare booster and of ours, in turns."""
    print(f"{rows:,} rows, {THREADS} threads, load {os.getloadavg()[0]:.1f}; best of {ROUNDS} rounds\n")
    how = {shown: answering(fitted.model, shown) for shown in (0, 5)}
    found: dict[str, list[float]] = {}
    for number in range(ROUNDS):
        fitted.model.booster.set_param({"nthread": THREADS})
        found.setdefault("chunked `inplace_predict`", []).append(rows / seconds(lambda: bare(fitted, features)))
        fitted.model.booster.set_param({"nthread": 1})
        for shown, suffix in ((0, ".parquet"), (0, ".csv"), (5, ".parquet")):
            place = folder / f"{number}-{shown}{suffix}"
            name = f"ours, {shown or 'no'} reasons, {suffix[1:]}"
            found.setdefault(name, []).append(rows / seconds(lambda: ours(how[shown], features, place)))  # noqa: B023
    best = max(found["chunked `inplace_predict`"])
    print("| | rows/s | of the bare booster |\n|---|---:|---:|")
    for name, rates in found.items():
        print(f"| {name} | {max(rates):,.0f} | {max(rates) / best:.0%} |")


def answering(model: object, shown: int) -> Answering:
    """Return what every part is answered with; everybody has consented."""
    served = Served(spec_of(MODEL), model, 1, load_policy(MODEL))  # type: ignore[arg-type]
    return Answering(served, load_serving_policy(), FileConsents(pl.Series([], dtype=pl.String), required=False), shown)


def bare(fitted: Fitted, features: Path) -> None:
    """Read, encode and predict, part by part, and nothing else."""
    columns = [column.name for column in fitted.model.columns]
    with pq.ParquetFile(features, pre_buffer=False) as file:
        for batch in file.iter_batches(batch_size=ROWS, columns=columns):
            rows = fitted.model.supported(fitted.model.encode(pa.Table.from_batches([batch])))
            fitted.model.booster.inplace_predict(rows)


def ours(how: Answering, features: Path, place: Path) -> None:
    """Answer every row and put the output together."""
    predictions = place.with_name(f"{place.name}.predictions")
    parts = answer_parts(features, how, predictions, threads=THREADS)
    read_parts(predictions, len(parts))
    write_output("0" * 24, 1, parts, record_ids(features), place)


def record_ids(features: Path) -> Iterator[pl.Series]:
    """Yield the ids that the output shows, part by part."""
    with pq.ParquetFile(features, pre_buffer=False) as file:
        for batch in file.iter_batches(batch_size=ROWS, columns=["token"]):
            yield pl.Series(pl.from_arrow(batch.column("token")))


def print_memory(features: Path, folder: Path) -> None:
    """Print the greatest memory of this process after it has scored all rows."""
    model = load_model(folder)
    model.booster.set_param({"nthread": 1})
    found: list[int] = []
    ended = Event()
    Thread(target=watch, args=(found, ended), daemon=True).start()
    with TemporaryDirectory(dir=folder) as work:
        took = seconds(lambda: ours(answering(model, 0), features, Path(work) / "scores.parquet"))
    ended.set()
    rows, most = pq.read_metadata(features).num_rows, memory("VmHWM")  # of getrusage's a process inherits its parent's
    print(f"| {rows:,} | {most:,} | {max(found):,} | {took:,.0f} |", flush=True)


def watch(found: list[int], ended: Event) -> None:
    """Note until `ended` how much memory no file backs."""
    while not ended.wait(0.05):
        found.append(memory("RssAnon"))


def memory(name: str) -> int:
    """Return a figure of this process's status in MB."""
    status = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text(encoding="utf-8").splitlines())
    return int(status[name].split()[0]) // 1024


def seconds(act: Callable[[], object]) -> float:
    """Return how long `act` takes."""
    start = time.perf_counter()
    act()
    return time.perf_counter() - start


if __name__ == "__main__":
    main()
