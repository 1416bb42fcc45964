"""One run of wrk against one server, with the bodies that it sends in turn."""

from __future__ import annotations

import json
import re
import statistics
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

CONNECTIONS = 8
SCRIPT = """
local bodies = {{}}
for line in io.lines({file}) do bodies[#bodies + 1] = line end
local turn = 0
wrk.method = "POST"
{headers}
request = function() turn = turn + 1; return wrk.format(nil, nil, nil, bodies[turn % #bodies + 1]) end
done = function(summary, latency)
  local wrong = summary.errors.status + summary.errors.connect + summary.errors.read + summary.errors.timeout
  io.write(string.format("RESULT %d %d %d %f %f\\n", summary.requests, wrong, summary.duration,
    latency:percentile(50), latency:percentile(99)))
end
"""


@dataclass(frozen=True)
class Load:
    """What one run gave, or several together.

    Attributes
    ----------
    requests, seconds
        How many were answered, and how long it took.
    failed
        Requests that got no answer or another status than 200.
    p50_ms, p99_ms
        Of the time to an answer.
    """

    requests: int
    seconds: float
    failed: int
    p50_ms: float
    p99_ms: float

    @property
    def per_second(self) -> float:
        """Requests answered a second."""
        return self.requests / self.seconds


def together(loads: Sequence[Load]) -> Load:
    """Return several runs as one: the median of their medians, and the worst of their 99th percentiles."""
    return Load(
        sum(load.requests for load in loads),
        sum(load.seconds for load in loads),
        sum(load.failed for load in loads),
        statistics.median(load.p50_ms for load in loads),
        max(load.p99_ms for load in loads),
    )


def run_wrk(
    address: str, bodies: Sequence[Mapping[str, Any]], seconds: float, *, headers: Mapping[str, str] | None = None
) -> Load:
    """Send `bodies` in turn to `address` for some seconds, by 8 connections."""
    sent = {"Content-Type": "application/json", **(headers or {})}
    with tempfile.TemporaryDirectory() as folder:
        file, script = Path(folder) / "bodies", Path(folder) / "run.lua"
        file.write_text("".join(json.dumps(body) + "\n" for body in bodies), encoding="utf-8")
        lines = "\n".join(f"wrk.headers[{json.dumps(name)}] = {json.dumps(value)}" for name, value in sent.items())
        script.write_text(SCRIPT.format(file=json.dumps(str(file)), headers=lines), encoding="utf-8")
        options = ["-t1", f"-c{CONNECTIONS}", f"-d{seconds:g}s", "--timeout", "20s", "-s", str(script)]
        said = subprocess.run(["wrk", *options, address], capture_output=True, text=True, check=True)
    found = re.search(r"RESULT (\d+) (\d+) (\d+) ([\d.]+) ([\d.]+)", said.stdout)
    if found is None:
        raise SystemExit(said.stdout)
    requests, failed, micros, p50, p99 = (float(part) for part in found.groups())
    return Load(int(requests), micros / 1e6, int(failed), p50 / 1e3, p99 / 1e3)
