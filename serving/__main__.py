"""``python -m serving``: runs the scoring API of the home on loopback until it is told to stop."""

from __future__ import annotations

import logging
import signal
import sys
from types import FrameType

import uvicorn

from caregate.errors import CaregateError
from caregate.settings import load_settings
from serving.policy import load_serving_policy
from serving.registry_champions import RegistryChampions
from serving.server import server_config
from serving.service import make_service

PORT_OFFSET = 2
"""Scoring listens on this port above the home's port base."""


def run() -> None:
    """Serve until SIGTERM or SIGINT; answers in flight are finished first."""
    signal.signal(signal.SIGTERM, _leave)  # uvicorn raises the signal once more when it has shut down
    signal.signal(signal.SIGINT, _leave)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    settings, policy = load_settings(), load_serving_policy()
    service = make_service(settings, policy, RegistryChampions(settings))
    config = server_config(service.app, settings.port_base + PORT_OFFSET, policy.shutdown)
    service.watcher.start()
    try:
        uvicorn.Server(config).run()
    finally:
        service.watcher.stop()


def _leave(_number: int, _frame: FrameType | None) -> None:
    sys.exit(0)


def main() -> int:
    """Run, and return the exit code."""
    try:
        run()
    except CaregateError as error:
        sys.stderr.write(f"{error}\n")
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main())
