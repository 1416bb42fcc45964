"""From a reviewer's approval to the version being served: ``python -m benchmarks.signoff [--approvals N]``.

`caregate up` on a home of its own. Each version is registered by the pipeline's way and approved by the request that
MLflow's page sends. The clock runs from that request's first byte to the first answer of the scoring API that names
the version, asked for every 50 ms. There is no webhook to lose: promotion and scoring follow the ledger by looking.
"""

from __future__ import annotations

import argparse
import os
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import httpx
import psutil

from benchmarks.small_versions import MODEL, registered
from caregate.clock import system_clock
from caregate.home import FIRST_CLIENT, make_home
from caregate.settings import Settings, load_settings
from governance.database import ledger_database
from governance.ledger import Act, Ledger
from registry.address import running_stack
from registry.approvals import ACTIONS
from registry.connection import prepare_database
from registry.policy import Verdict
from registry.promotions import PROMOTED, in_use
from registry.proving import PROVEN
from registry.registering import Registered

COMMAND = [sys.executable, "-c", "from caregate.cli import main; main()", "up"]
PROMOTER = ["-m", "flows.watch"]
ASK_SECONDS, PATIENCE = 0.05, 240.0
KILLS = 3
"""As often as the stack starts a server again."""


@dataclass(frozen=True)
class Taken:
    """Seconds from the request to its answer, the ledger's two lines, and the first score of the new version."""

    answered: float
    signed: float
    promoted: float
    served: float


@dataclass(frozen=True)
class Stack:
    """A running stack, who signs, who asks it for scores, and where versions are written."""

    settings: Settings
    up: psutil.Process
    reviewer: httpx.Client
    client: httpx.Client
    folder: Path

    @property
    def ledger(self) -> Ledger:
        """The home's."""
        return Ledger(ledger_database(self.settings))

    def register(self, number: int) -> Registered:
        """Register a version that was compared with the one in use."""
        current = in_use(self.ledger, MODEL)
        compared_with = current.digest if current else ""
        return registered(self.settings, self.folder / f"version-{number}", number, compared_with=compared_with)

    def served(self) -> int | None:
        """Return the version that scores."""
        found: int | None = self.client.get(f"/v1/models/{MODEL}").raise_for_status().json()["version"]
        return found

    def line(self, action: str, version: Registered) -> Act | None:
        """Return the ledger's line of an act on a version, None where there is none."""
        lines = self.ledger.sealed(action, subject=f"{MODEL}/{version.version}")
        return next((act for act in lines if act.digest == version.digest), None)

    def kill_promoter(self) -> None:
        """Kill what promotes; the stack starts it again."""
        for child in self.up.children():
            if child.cmdline()[1:] == PROMOTER:
                child.send_signal(signal.SIGKILL)


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--approvals", type=int, default=15, help="of versions whose copy was proven in advance")
    parser.add_argument("--at-once", type=int, default=5, help="approvals right after registration")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, _running(Path(folder)) as stack:
        numbers = iter(range(1_000))
        print(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}", flush=True)
        _print_row("the first after the start", [_approval(stack, next(numbers))])
        _print_row("proven in advance", [_approval(stack, next(numbers)) for _ in range(given.approvals)])
        at_once = [_approval(stack, next(numbers), wait=False) for _ in range(given.at_once)]
        _print_row("signed right after registration", at_once)
        killed = [_approval(stack, next(numbers), then=stack.kill_promoter) for _ in range(KILLS)]
        _print_row("promoter killed right after the approval", killed)
        print(f"load {os.getloadavg()[0]:.1f}")


@contextmanager
def _running(folder: Path) -> Iterator[Stack]:
    settings = load_settings(home=folder / "home", port_base=_free_ports(3))
    secrets = {item.account: item.secret for item in make_home(settings)}
    prepare_database(settings)
    place = ["--home", str(settings.home), "--port-base", str(settings.port_base)]
    with (folder / "up.log").open("wb") as log, ExitStack() as clients:
        up = subprocess.Popen([*COMMAND, *place], stdout=log, stderr=log)
        try:
            _wait(lambda: up.poll() is not None or running_stack(settings) is not None, "the stack")
            stack = running_stack(settings)
            if stack is None:
                raise SystemExit((folder / "up.log").read_text(encoding="utf-8"))
            sign_in, bearer = ("reviewer", secrets["reviewer"]), {"Authorization": f"Bearer {secrets[FIRST_CLIENT]}"}
            reviewer = clients.enter_context(httpx.Client(base_url=stack.mlflow, auth=sign_in, timeout=60))
            client = clients.enter_context(httpx.Client(base_url=stack.scoring, headers=bearer, timeout=60))
            yield Stack(settings, psutil.Process(up.pid), reviewer, client, folder)
        finally:
            up.terminate()
            up.wait(60)


def _approval(stack: Stack, number: int, *, wait: bool = True, then: Callable[[], None] = lambda: None) -> Taken:
    version = stack.register(number)
    if wait:
        _wait(lambda: stack.line(PROVEN, version) is not None, "the proof of the copy")
    asked = {"name": MODEL, "version": str(version.version), "key": "approval", "value": "approved"}
    moment, began = system_clock(), time.perf_counter()
    stack.reviewer.post("/ajax-api/2.0/mlflow/model-versions/set-tag", json=asked).raise_for_status()
    answered = time.perf_counter() - began
    then()
    _wait(lambda: stack.served() == version.version, "the new version")
    served = time.perf_counter() - began
    signed, promoted = (_since(moment, stack.line(what, version)) for what in (ACTIONS[Verdict.APPROVED], PROMOTED))
    return Taken(answered, signed, promoted, served)


def _since(moment: datetime, act: Act | None) -> float:
    if act is None:
        raise SystemExit("a version is served that the ledger knows nothing of")
    return (datetime.fromisoformat(act.at) - moment).total_seconds()


def _wait(holds: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + PATIENCE
    while not holds():
        if time.monotonic() > deadline:
            raise SystemExit(f"{what} did not come about")
        time.sleep(ASK_SECONDS)


def _free_ports(count: int) -> int:
    for base in range(21_000 + os.getpid() % 20_000, 60_000, 7):
        with ExitStack() as probes:
            sockets = [probes.enter_context(socket.socket()) for _ in range(count)]
            if all(probe.connect_ex(("127.0.0.1", base + step)) for step, probe in enumerate(sockets)):
                return base
    raise SystemExit("no ports are free")


def _print_row(case: str, taken: list[Taken]) -> None:
    served = sorted(item.served for item in taken)
    parts = [statistics.median(getattr(item, part) for item in taken) for part in ("answered", "signed", "promoted")]
    in_all = statistics.median(served), served[int(0.95 * (len(served) - 1) + 0.5)], served[-1]
    figures = " | ".join(f"{value:.2f}" for value in (*in_all, *parts))
    print(f"| {case} | {len(taken)} | {figures} |", flush=True)


if __name__ == "__main__":
    main()
