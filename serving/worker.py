"""One process that answers: ``python -m serving.worker PORT``, started by `serving.workers` and never without it."""

from __future__ import annotations

import logging
import os
import signal
import socket
import sys
from threading import Thread
from types import FrameType

from caregate.errors import CaregateError
from caregate.settings import load_settings
from serving.policy import load_serving_policy
from serving.registry_champions import RegistryChampions
from serving.server import HOST, ScoringServer, server_config
from serving.service import make_service


STDIN = 0


def run(port: int) -> None:
    """Serve on `port`, which other workers share, until SIGTERM; answers in flight are finished first."""
    signal.signal(signal.SIGTERM, _leave)  # uvicorn raises the signal once more when it has shut down
    signal.signal(signal.SIGINT, _leave)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    settings, policy = load_settings(), load_serving_policy()
    service = make_service(settings, policy, RegistryChampions(settings))
    service.watcher.start()
    server = ScoringServer(server_config(service.app, port, policy.shutdown), service.leaving, policy.shutdown)
    try:
        with socket.socket() as shared:
            shared.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            shared.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
            shared.bind((HOST, port))
            server.run(sockets=[shared])
    finally:
        service.watcher.stop()
        service.journal.close()


def leave_with_parent() -> None:
    """Tell this process to stop as soon as the other end of its standard input is gone."""

    def wait() -> None:
        while os.read(STDIN, 1):  # not by sys.stdin, whose lock would be held when the interpreter ends
            continue
        os.kill(os.getpid(), signal.SIGTERM)

    Thread(target=wait, name="parent", daemon=True).start()


def _leave(_number: int, _frame: FrameType | None) -> None:
    sys.exit(0)


def main() -> int:
    """Run, and return the exit code."""
    leave_with_parent()
    try:
        run(int(sys.argv[1]))
    except CaregateError as error:
        sys.stderr.write(f"{error}\n")
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main())
