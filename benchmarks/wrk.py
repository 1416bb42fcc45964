"""One run of wrk against one server, with the bodies that it sends in turn."""

from __future__ import annotations

import json
import re
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
  io.write(string.format("RESULT %d %d %d %f %f %f\\n", summary.requests, wrong, summary.duration,
    latency:percentile(50), latency:percentile(99), latency.max))
end
"""


@dataclass(frozen=True)
class Load:
    """What one run gave.

    Attributes
    ----------
    per_second
        Requests answered.
    failed
        Requests that got no answer or another status than 200.
    p50_ms, p99_ms, worst_ms
        Of the time to an answer.
    """

    per_second: float
    failed: int
    p50_ms: float
    p99_ms: float
    worst_ms: float


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
    found = re.search(r"RESULT (\d+) (\d+) (\d+) ([\d.]+) ([\d.]+) ([\d.]+)", said.stdout)
    if found is None:
        raise SystemExit(said.stdout)
    requests, failed, micros, p50, p99, worst = (float(part) for part in found.groups())
    return Load(requests / micros * 1e6, int(failed), p50 / 1e3, p99 / 1e3, worst / 1e3)
