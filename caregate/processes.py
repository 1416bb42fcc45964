"""Child processes that never outlive their supervisor.

Each child carries a mark in its environment, which its own children inherit, whatever sessions and groups they make.
To stop means to ask every process that carries the mark, then to kill it. A small second process, the reaper, holds the
other end of a pipe: when the supervisor goes without a word (``kill -9``) the pipe closes and the reaper does the same.
"""

from __future__ import annotations

import os
import secrets
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import psutil

MARK = "CAREGATE_STACK"
GRACE_SECONDS = 8.0


def new_mark() -> str:
    """Draw the mark of one stack."""
    return secrets.token_hex(8)


def marked(mark: str) -> list[psutil.Process]:
    """Return every process that carries `mark`, but this one."""
    found = []
    for process in psutil.process_iter():
        try:
            if process.pid != os.getpid() and process.environ().get(MARK) == mark:
                found.append(process)
        except psutil.Error:  # gone since, or another user's
            continue
    return found


def stop_marked(mark: str, *, grace: float = GRACE_SECONDS) -> None:
    """End every process that carries `mark`: asked first, killed after `grace` seconds."""
    for process in marked(mark):
        _signal(process, kill=False)
    deadline = time.monotonic() + grace
    while marked(mark) and time.monotonic() < deadline:
        time.sleep(0.1)
    while left := marked(mark):
        for process in left:
            _signal(process, kill=True)
        psutil.wait_procs(left, timeout=1)


def _signal(process: psutil.Process, *, kill: bool) -> None:
    try:
        process.kill() if kill else process.terminate()
    except psutil.Error:
        return  # gone since


@dataclass
class Child:
    """A started child and the file that holds what it says."""

    name: str
    process: subprocess.Popen[bytes]
    log: Path

    @property
    def lives(self) -> bool:
        """Whether it still runs."""
        return self.process.poll() is None

    def last_words(self, lines: int = 5) -> str:
        """Return the end of its log."""
        return "\n".join(self.log.read_text(encoding="utf-8", errors="replace").splitlines()[-lines:])


def start_child(
    name: str, command: Sequence[str], environment: Mapping[str, str], *, mark: str, log: Path, cwd: Path
) -> Child:
    """Start `command` in a session of its own, so that Ctrl-C reaches the supervisor alone."""
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("ab") as output:
        process = subprocess.Popen(
            list(command),
            env=os.environ | dict(environment) | {MARK: mark},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            cwd=cwd,
        )
    return Child(name, process, log)


@dataclass
class Reaper:
    """The process that ends the children of a supervisor that was killed."""

    process: subprocess.Popen[bytes]
    pipe: IO[bytes]

    def dismiss(self) -> None:
        """Close the pipe and wait: the reaper finds nothing left to do."""
        self.pipe.close()
        self.process.wait()


def start_reaper(mark: str) -> Reaper:
    """Start the reaper of the stack `mark`."""
    process = subprocess.Popen(
        [sys.executable, "-m", "caregate.reaper", mark], stdin=subprocess.PIPE, start_new_session=True
    )
    assert process.stdin is not None  # noqa: S101  a pipe was asked for
    return Reaper(process, process.stdin)
