"""``python -m serving``: runs the scoring API of the home, in several processes, until it is told to stop."""

from __future__ import annotations

import os
import signal
import sys
from types import FrameType

from caregate.errors import CaregateError
from caregate.secret_store import read_secrets
from caregate.settings import load_settings
from serving.policy import load_serving_policy
from serving.seen.metrics_folder import share_metrics
from serving.tls import certificate_of
from serving.workers import Workers

PORT_OFFSET = 2
"""Scoring listens on this port above the home's port base."""


def run() -> int:
    """Serve until SIGTERM or SIGINT; answers in flight are finished first. Return the exit code."""
    settings, policy = load_settings(), load_serving_policy()
    read_secrets(settings.secrets_file)  # refused now, before anything is written, and not by each worker
    certificate_of(settings)
    workers = Workers(
        host=settings.scoring_host,
        port=settings.port_base + PORT_OFFSET,
        count=settings.scoring_workers,
        environment=os.environ | share_metrics(settings.serving_dir / "metrics"),
        limits=policy.workers,
        shutdown=policy.shutdown,
    )

    def leave(_number: int, _frame: FrameType | None) -> None:
        workers.stop.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, leave)
    return workers.run()


def main() -> int:
    """Run, and return the exit code."""
    try:
        return run()
    except CaregateError as error:
        sys.stderr.write(f"{error}\n")
        return error.exit_code


if __name__ == "__main__":
    sys.exit(main())
