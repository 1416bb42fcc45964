"""Running the real command line in processes of its own."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

SECONDS = 240.0
COMMAND = "import sys; from caregate.cli import main; sys.exit(main())"


def environment(home: Path, extra: Mapping[str, str]) -> dict[str, str]:
    return os.environ | {"CAREGATE_HOME": str(home), "CAREGATE_USER": "ada"} | extra


def caregate(home: Path, *arguments: str, **extra: str) -> subprocess.CompletedProcess[str]:
    """Run a command to its end."""
    return subprocess.run(
        [sys.executable, "-c", COMMAND, *arguments],
        env=environment(home, extra),
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )


def kill_after(step: str, home: Path, *arguments: str, **extra: str) -> bool:
    """Run a command and kill it, children and all, as soon as it says that `step` ended; return whether it did."""
    process = subprocess.Popen(
        [sys.executable, "-c", COMMAND, *arguments],
        env=environment(home, extra),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert process.stderr is not None
    try:
        return any(line.strip().startswith(step) for line in process.stderr)
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        process.stderr.close()
