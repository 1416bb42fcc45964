"""`caregate up`: starts the servers of a home, watches over them and leaves no process behind."""

from __future__ import annotations

import os
import signal
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

import httpx

from caregate.errors import BadInput, CaregateError
from caregate.processes import Child, new_mark, start_child, start_reaper, stop_marked
from caregate.secret_store import Secrets
from caregate.services import HOST, PROJECT, Addresses, Service, deployment, ports, servers, workers
from caregate.settings import Settings
from registry.address import StackAddress, announce_stack, running_stack, withdraw_stack
from registry.connection import prepare_database

READY_SECONDS = 180.0
DEPLOY_SECONDS = 180.0
RESTARTS, RESTART_WINDOW_SECONDS = 3, 3600.0
"""How often within an hour a server that ends by itself is started again before all are stopped."""
LOOK_SECONDS = 0.5

Announce = Callable[[str], None]


class PortTaken(BadInput):
    """Another program listens on a port that the stack needs."""

    def __init__(self, port: int) -> None:
        super().__init__(f"port {port} is taken: stop what listens there, or choose others with --port-base")


class AlreadyUp(BadInput):
    """The home's stack runs already."""

    def __init__(self, pid: int) -> None:
        super().__init__(f"this home's servers run already, under process {pid}: stop it with Ctrl-C first")


class ServiceFailed(CaregateError):
    """A server did not start, or ended by itself too often."""

    def __init__(self, child: Child, why: str) -> None:
        super().__init__(f"{child.name} {why}; its log is {child.log} and ends with:\n{child.last_words()}")


def run_stack(settings: Settings, secrets: Secrets, *, announce: Announce) -> int:
    """Start MLflow, Prefect, the worker, the promoter and scoring; return 0 once they were told to stop.

    Raises
    ------
    PortTaken, AlreadyUp
        Before anything is started.
    ServiceFailed
        If one does not get ready in time or keeps ending; all are stopped then.
    """
    _check(settings)
    prepare_database(settings)
    with _stop_signals() as stop, _no_process_left() as mark:
        stack = _Stack(settings, mark, stop, announce)
        try:
            stack.start(servers(settings, secrets))
            stack.start(workers(settings))
            stack.deploy(deployment(settings))
            stack.watch()
        finally:
            withdraw_stack(settings)
            announce("stopping")
    return 0


class _Stack:
    def __init__(self, settings: Settings, mark: str, stop: threading.Event, announce: Announce) -> None:
        self._settings = settings
        self._mark = mark
        self._stop = stop
        self._announce = announce
        self._running: dict[str, tuple[Service, Child]] = {}
        self._restarts: dict[str, list[float]] = {}

    def start(self, services: list[Service]) -> None:
        """Start `services` side by side and wait until each is ready."""
        if self._stop.is_set():
            return
        for service in services:
            self._running[service.name] = (service, self._launch(service))
        for service in services:
            self._wait(service)

    def deploy(self, service: Service) -> None:
        """Run a one-off to its end."""
        if self._stop.is_set():
            return
        child = self._launch(service)
        deadline = time.monotonic() + DEPLOY_SECONDS
        while child.lives and time.monotonic() < deadline and not self._stop.wait(0.1):
            continue
        if not self._stop.is_set() and child.process.poll() != 0:
            raise ServiceFailed(child, "did not tell Prefect of the flows")

    def watch(self) -> None:
        """Announce the addresses, then look after the servers until told to stop."""
        if self._stop.is_set():
            return
        where = Addresses.of(self._settings)
        announce_stack(self._settings, StackAddress(os.getpid(), where.mlflow, where.prefect, where.scoring))
        self._announce(f"MLflow, where versions are signed   {where.mlflow}")
        self._announce(f"Prefect, where flows run            {where.prefect}")
        self._announce(f"scoring                             {where.scoring}/v1")
        self._announce("ready; Ctrl-C stops all")
        while not self._stop.wait(LOOK_SECONDS):
            for service, child in list(self._running.values()):
                if not child.lives:
                    self._start_again(service, child)

    def _launch(self, service: Service) -> Child:
        self._announce(f"starting {service.name}")
        log = self._settings.logs_dir / f"{service.name}.log"
        return start_child(service.name, service.command, service.environment, mark=self._mark, log=log, cwd=PROJECT)

    def _start_again(self, service: Service, child: Child) -> None:
        now = time.monotonic()
        lately = [at for at in self._restarts.get(service.name, []) if now - at < RESTART_WINDOW_SECONDS]
        count = len(lately) + 1
        if count > RESTARTS:
            raise ServiceFailed(child, f"ended {count} times within an hour")
        self._restarts[service.name] = [*lately, now]
        self._announce(f"{service.name} ended by itself and is started again ({count} of {RESTARTS})")
        self._running[service.name] = (service, self._launch(service))

    def _wait(self, service: Service) -> None:
        child = self._running[service.name][1]
        deadline = time.monotonic() + READY_SECONDS
        while not self._stop.is_set():
            if not child.lives:
                raise ServiceFailed(child, "ended while it started")
            if service.ready is None or _answers(service.ready, service.sign_in, service.certificate):
                return
            if time.monotonic() > deadline:
                raise ServiceFailed(child, f"did not answer within {READY_SECONDS:.0f} seconds")
            self._stop.wait(0.2)


def _answers(address: str, sign_in: tuple[str, str] | None, certificate: Path | None) -> bool:
    try:
        trust = True if certificate is None else _trust_in(certificate)
        return httpx.get(address, timeout=2, auth=sign_in, verify=trust).status_code == httpx.codes.OK
    except httpx.HTTPError:
        return False


def _trust_in(certificate: Path) -> ssl.SSLContext:
    """Return a context that trusts this certificate alone, by whatever name the server is reached."""
    context = ssl.create_default_context(cafile=certificate)
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    context.check_hostname = False
    return context


def _check(settings: Settings) -> None:
    running = running_stack(settings)
    if running is not None:
        raise AlreadyUp(running.pid)
    for port in ports(settings):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((HOST, port))
            except OSError:
                raise PortTaken(port) from None


@contextmanager
def _no_process_left() -> Iterator[str]:
    mark = new_mark()
    reaper = start_reaper(mark)
    try:
        yield mark
    finally:
        stop_marked(mark)
        reaper.dismiss()


@contextmanager
def _stop_signals() -> Iterator[threading.Event]:
    stop = threading.Event()

    def ask(_number: int, _frame: FrameType | None) -> None:
        stop.set()

    before = {number: signal.signal(number, ask) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
