"""Where the running servers of a home are: a small file that `caregate up` writes and removes."""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path

from caregate.settings import Settings

FILE = "stack.json"


@dataclass(frozen=True, slots=True)
class StackAddress:
    """A running stack: the supervisor's process and where its servers answer."""

    pid: int
    mlflow: str
    prefect: str
    scoring: str


def announce_stack(settings: Settings, address: StackAddress) -> None:
    """Write down where the stack answers."""
    target = settings.home.resolve() / FILE
    aside = target.with_suffix(f".{address.pid}")
    aside.write_text(json.dumps(asdict(address), indent=1) + "\n", encoding="utf-8")
    aside.replace(target)


def withdraw_stack(settings: Settings) -> None:
    """Remove what `announce_stack` wrote."""
    (settings.home.resolve() / FILE).unlink(missing_ok=True)


def running_stack(settings: Settings) -> StackAddress | None:
    """Return where the home's stack answers, None where none runs."""
    try:
        address = StackAddress(**json.loads((settings.home.resolve() / FILE).read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return None
    return address if _lives(address.pid) else None


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return _state(pid) != "Z"


def _state(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[0]
    except OSError:  # no /proc on this system, or gone since
        return ""
