"""What the command line shows: results on standard output, progress and errors on standard error."""

from __future__ import annotations

import json
import os
import shutil
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.status import Status
from rich.table import Table

VERDICT_STYLE = {"passed": "green", "failed": "red", "cannot-tell": "yellow"}


class Terminal:
    """Shows results as text or, with `as_json`, as one JSON value."""

    def __init__(self, *, as_json: bool = False) -> None:
        self.as_json = as_json
        self._out = Console(soft_wrap=True, highlight=False)
        self._err = Console(stderr=True, soft_wrap=True, highlight=False)
        self._status: Status | None = None
        self._step: tuple[str, float] | None = None

    def result(self, value: Any) -> None:
        """Show the command's result where JSON was asked for."""
        if self.as_json:
            self._out.print_json(json.dumps(value, default=str))

    def line(self, text: str, *, style: str | None = None) -> None:
        """Show a line of the result as text."""
        if not self.as_json:
            self._out.print(text, style=style, markup=False)

    def table(self, title: str, columns: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
        """Show a table of the result as text; verdicts are coloured, and one without rows is a line."""
        if self.as_json:
            return
        if not rows:
            self.line(f"{title}: none")
            return
        table = Table(title=title, title_justify="left", title_style="bold", show_edge=False, pad_edge=False)
        for number, column in enumerate(columns):
            table.add_column(column, overflow="fold", no_wrap=number == 0)
        for row in rows:
            table.add_row(*(_cell(value) for value in row))
        self._out.print(table)

    def note(self, text: str) -> None:
        """Say something beside the result."""
        self._err.print(text, markup=False)

    def error(self, text: str) -> None:
        """Say in one line why the command did not do what was asked."""
        self._err.print(f"caregate: {' '.join(text.split())}", style="red", markup=False)

    @contextmanager
    def progress(self) -> Iterator[Terminal]:
        """Show which step is at work, and how long each took."""
        self._status = Status("", console=self._err) if self._err.is_terminal else None
        try:
            if self._status:
                self._status.start()
            yield self
            self.end_step()
        finally:
            if self._status:
                self._status.stop()
            self._status, self._step = None, None

    def step(self, text: str) -> None:
        """Begin a step of the work in `progress`."""
        self.end_step()
        self._step = (text, time.monotonic())
        if self._status:
            self._status.update(f"{text} …")

    def end_step(self) -> None:
        """End the step at work and say how long it took."""
        if self._step:
            text, began = self._step
            self._err.print(f"  {text:<44}{time.monotonic() - began:6.1f} s", markup=False, style="dim")
            self._step = None


def _cell(value: object) -> str:
    text = str(value)
    style = VERDICT_STYLE.get(text)
    return f"[{style}]{text}[/]" if style else text.replace("[", "\\[")


def reads_a_person() -> bool:
    """Return whether standard output is a terminal, and not a file, a pipe or a log."""
    return sys.stdout.isatty()


def can_ask() -> bool:
    """Return whether a person reads what is said beside the result and can answer it."""
    return sys.stdin.isatty() and sys.stderr.isatty()


def program() -> str:
    """Return how this program is called from here: by its name where the shell finds it, else by its path."""
    called = Path(sys.argv[0]).resolve()
    found = shutil.which(called.name)
    return called.name if found and Path(found).resolve() == called else os.path.relpath(called)


def plain(value: Mapping[str, object]) -> str:
    """Return a mapping as ``a: 1, b: 2``."""
    return ", ".join(f"{key}: {item}" for key, item in value.items()) or "none"
