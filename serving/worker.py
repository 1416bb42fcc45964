"""One process that answers: ``python -m serving.worker PORT``, started by `serving.workers` and never without it."""

from __future__ import annotations

import gc
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
from serving.seen.logs import write_json_lines
from serving.seen.telemetry import tracing
from serving.server import ScoringServer, server_config
from serving.service import make_service
from serving.tls import certificate_of

STDIN = 0
SELDOM = 100_000, 50, 100
"""Collections: an answer leaves next to no cycles, and looking for some after 700 objects costs a tenth of its time."""
TURN = 0.0005
"""Seconds after which a thread that keeps the journal lets the one that answers have its turn."""


def run(port: int) -> None:
    """Serve on `port`, which other workers share, until SIGTERM; answers in flight are finished first."""
    signal.signal(signal.SIGTERM, _leave)  # uvicorn raises the signal once more when it has shut down
    signal.signal(signal.SIGINT, _leave)
    write_json_lines()
    settings, policy = load_settings(), load_serving_policy()
    service = make_service(settings, policy, RegistryChampions(settings))
    host, certificate = settings.scoring_host, certificate_of(settings)
    config = server_config(service.app, port, policy.shutdown, host=host, certificate=certificate)
    service.watcher.start()
    service.rounds.start()
    server = ScoringServer(config, service.leaving, policy.shutdown)
    sys.setswitchinterval(TURN)
    gc.freeze()  # what stands now stands to the end: no collection goes through it while somebody waits
    gc.set_threshold(*SELDOM)
    try:
        with tracing(settings.traces_url, policy.traces.share), socket.socket() as shared:
            shared.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            shared.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
            shared.bind((host, port))
            server.run(sockets=[shared])
    finally:
        service.watcher.stop()
        service.rounds.stop()
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
