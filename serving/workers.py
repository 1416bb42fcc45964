"""The processes that answer, and the one that looks after them: one that ends is replaced, and none outlives it.

All listen on one port, each by a socket of its own (SO_REUSEPORT): the kernel deals connections out among those that
live, so that none waits for one that is being started. Each holds the end of a pipe; when it breaks, because the parent
was killed, the worker finishes its answers and leaves.
"""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from threading import Event

from caregate.errors import BadInput, CaregateError
from serving.policy import Shutdown
from serving.policy import Workers as Limits

LOOK_SECONDS = 0.1
KILL_SECONDS = 2.0
"""After the grace that a worker has to leave."""


class PortTaken(BadInput):
    """Another program listens where scoring should."""

    def __init__(self, port: int) -> None:
        super().__init__(f"port {port} is taken: stop what listens there, or choose another port base")


class WorkersFailed(CaregateError):
    """Workers keep ending by themselves."""

    def __init__(self, restarts: int, seconds: float) -> None:
        super().__init__(f"workers ended by themselves {restarts} times within {seconds:g} s: see the service's log")


@dataclass
class Workers:
    """Looks after the workers of one service.

    Attributes
    ----------
    host, port
        Where they listen.
    count
        How many there are.
    environment
        Of each.
    limits, shutdown
        How often one is started again, and how long each may take to leave.
    stop
        Set by whoever wants them to stop.
    """

    host: str
    port: int
    count: int
    environment: Mapping[str, str]
    limits: Limits
    shutdown: Shutdown
    stop: Event = field(default_factory=Event)
    _running: list[subprocess.Popen[bytes]] = field(default_factory=list)
    _ended: list[float] = field(default_factory=list)

    def run(self) -> int:
        """Keep the workers running until told to stop; return the exit code of one that could not use its home.

        Raises
        ------
        PortTaken
            If another program listens on the port.
        WorkersFailed
            If they keep ending.
        """
        with self._held():
            if self.stop.is_set():
                return 0
            try:
                self._running = [self._start() for _ in range(self.count)]
                while not self.stop.wait(LOOK_SECONDS):
                    if unfit := self._replace_the_dead():
                        return unfit
            finally:
                self._end()
        return 0

    def _held(self) -> socket.socket:
        """Return what keeps the port; workers whose parent was killed get the time to leave that they have."""
        deadline = time.monotonic() + self._leaving_seconds
        while True:
            try:
                return _hold(self.host, self.port)
            except OSError:
                if self.stop.wait(LOOK_SECONDS) or time.monotonic() > deadline:
                    raise PortTaken(self.port) from None

    @property
    def _leaving_seconds(self) -> float:
        return self.shutdown.notice_seconds + self.shutdown.grace_seconds + KILL_SECONDS

    def _start(self) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "serving.worker", str(self.port)]
        return subprocess.Popen(command, env=self.environment, stdin=subprocess.PIPE, start_new_session=True)

    def _replace_the_dead(self) -> int:
        for place, worker in enumerate(self._running):
            code = worker.poll()
            if code == BadInput.exit_code:
                return code
            if code is not None:
                self._count_end()
                self._running[place] = self._start()
        return 0

    def _count_end(self) -> None:
        now, window = time.monotonic(), self.limits.restart_window_seconds
        self._ended = [*(at for at in self._ended if now - at < window), now]
        if len(self._ended) > self.limits.restarts:
            raise WorkersFailed(len(self._ended), window)

    def _end(self) -> None:
        for worker in self._running:
            worker.send_signal(signal.SIGTERM)
        deadline = time.monotonic() + self._leaving_seconds
        for worker in self._running:
            try:
                worker.wait(max(0.0, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                worker.kill()
                worker.wait()


def _hold(host: str, port: int) -> socket.socket:
    """Return a socket that keeps the port for this service; nobody is answered by it."""
    with socket.socket() as alone:
        alone.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        alone.bind((host, port))
    held = socket.socket()
    held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    held.bind((host, port))
    return held
