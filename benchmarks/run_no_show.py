"""`caregate run no-show` beside the plain script that does the same work, whole processes in turn.

    python -m benchmarks.run_no_show kaggle PATH [--rounds 3] [--write]
    python -m benchmarks.run_no_show synthetic 5000000 [--rounds 1] [--write]

Each round has a seed of its own, so that no stage of an earlier one is taken over. Figures are wall and CPU seconds of
the process with its children.
"""

from __future__ import annotations

import argparse
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from caregate.clock import system_clock
from caregate.home import make_home
from caregate.settings import Settings, load_settings
from crm.deidentify import deidentify
from crm.snapshot import Snapshot, publish
from crm.source import make_source
from governance.vault import vault_of
from validation.suites.on_snapshot import check_snapshot

PAGE = Path(__file__).parent.parent / "docs" / "benchmarks" / "run-no-show.md"
COMMAND = "import sys; from caregate.cli import main; sys.exit(main())"


@dataclass(frozen=True)
class Timed:
    """Seconds of one process with its children, and the largest of them in memory."""

    wall: float
    cpu: float
    peak_gb: float


def timed(command: list[str], environment: dict[str, str], *, may_end: tuple[int, ...] = (0,)) -> Timed:
    """Run `command` to its end, which has to be one of the exit codes `may_end`, and time it."""
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    done = subprocess.run(command, env=os.environ | environment, capture_output=True, text=True, check=False)
    if done.returncode not in may_end:
        raise SystemExit(done.stderr)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return Timed(time.perf_counter() - began, cpu, after.ru_maxrss / 2**20)


def prepare(settings: Settings, source: str, given: str) -> Snapshot:
    """Publish the snapshot and hold it against its suite, as `caregate ingest` does."""
    make_home(settings)
    made = (
        make_source("noshow-kaggle") if source == "kaggle" else make_source("synthetic", rows=int(given), encounters=0)
    )
    raw = made.read(given if source == "kaggle" else None)
    vault = vault_of(settings)
    snapshot = publish(settings.snapshots_dir, deidentify(raw, vault, owner="benchmark"), clock=system_clock)
    check_snapshot(settings.quality_dir, snapshot, "appointments")
    return snapshot


def compare(settings: Settings, snapshot: Snapshot, rounds: int, scratch: Path) -> list[tuple[Timed, Timed]]:
    """Time both in turn."""
    environment = {"CAREGATE_HOME": str(settings.home), "OMP_WAIT_POLICY": "PASSIVE"}
    pairs = []
    for seed in range(1, rounds + 1):
        product = [sys.executable, "-c", COMMAND, "run", "no-show", "--seed", str(seed)]
        plain = [
            sys.executable,
            "-m",
            "benchmarks.plain_no_show",
            str(snapshot.folder),
            str(scratch / str(seed)),
            str(seed),
        ]
        pairs.append((timed(product, environment, may_end=(0, 1)), timed(plain, environment)))  # 1: a gate failed
    return pairs


def table(pairs: list[tuple[Timed, Timed]], rows: int) -> str:
    """Return the medians as a table."""
    wall = [(a.wall, b.wall) for a, b in pairs]
    product, plain = (statistics.median(side) for side in zip(*wall, strict=True))
    cpu = [statistics.median(side) for side in zip(*((a.cpu, b.cpu) for a, b in pairs), strict=True)]
    peak = [max(side) for side in zip(*((a.peak_gb, b.peak_gb) for a, b in pairs), strict=True)]
    lines = [
        "| rows | rounds | | wall s | CPU s | peak GB |",
        "|---:|---:|---|---:|---:|---:|",
        f"| {rows:,} | {len(pairs)} | `caregate run no-show` | {product:.1f} | {cpu[0]:.1f} | {peak[0]:.1f} |",
        f"| | | plain script | {plain:.1f} | {cpu[1]:.1f} | {peak[1]:.1f} |",
        f"| | | difference | {product - plain:.1f} | {cpu[0] - cpu[1]:.1f} | |",
        f"| | | ratio | {product / plain:.2f} | {cpu[0] / cpu[1]:.2f} | |",
    ]
    return "\n".join(lines) + "\n"


def main() -> None:
    """Prepare, compare, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("source", choices=["kaggle", "synthetic"])
    parser.add_argument("given", help="the file, or the number of rows")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--write", action="store_true", help=f"add the table to {PAGE.name}")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        settings = load_settings(home=Path(scratch) / "home")
        snapshot = prepare(settings, given.source, given.given)
        pairs = compare(settings, snapshot, given.rounds, Path(scratch))
        text = table(pairs, snapshot.manifest.tables["appointments"])
    print(text)
    if given.write:
        PAGE.parent.mkdir(parents=True, exist_ok=True)
        with PAGE.open("a", encoding="utf-8") as page:
            page.write(f"\n{text}")


if __name__ == "__main__":
    main()
