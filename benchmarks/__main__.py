"""``make bench``: every benchmark on the real files beside the project, one after the other."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

DATA = Path(__file__).parent.parent.parent / "shared" / "data"
APPOINTMENTS, ENCOUNTERS = DATA / "noshow" / "appointments.csv.gz", DATA / "readmission" / "encounters.csv.gz"
BENCHMARKS = (
    ("quality", APPOINTMENTS, ENCOUNTERS),
    ("run_no_show", "kaggle", APPOINTMENTS),
    ("synthetic", APPOINTMENTS, ENCOUNTERS),
    ("gates",),
    ("ledger",),
    ("journal",),
    ("contributions",),
    ("batch",),
    ("planted_faults", "--runs", "20", "--fits", "3"),
    ("mlflow_latency", "--pairs", "100"),
    ("signoff",),
    ("serving",),
)

if __name__ == "__main__":
    if not APPOINTMENTS.is_file():
        sys.exit(f"the real files are not at {DATA}: run the benchmarks one by one with your own paths")
    for name, *arguments in BENCHMARKS:
        print(f"\n## {name}\n", flush=True)
        subprocess.run([sys.executable, "-m", f"benchmarks.{name}", *map(str, arguments)], check=True)
