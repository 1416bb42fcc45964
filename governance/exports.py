"""A ledger's export: JSON Lines that anybody can check without a home."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

from caregate.errors import BadInput
from governance.chain import Act

_TEXTS = tuple(field.name for field in fields(Act) if field.name != "seq")


class UnfitExport(BadInput):
    """A file is not an export of a ledger."""

    def __init__(self, path: Path, why: str) -> None:
        super().__init__(f"{path.name} is not an export of a ledger: {why}")


def export_line(act: Act) -> str:
    """Return the one JSON text of a line."""
    return json.dumps(asdict(act), sort_keys=True, ensure_ascii=False)


def read_export(path: Path) -> Iterator[Act]:
    """Yield the lines of an export as they stand there, unchecked but for their form.

    A line has to be written as an export writes it, so that no two programs read it in two ways (a key twice, a number
    as 1.0).

    Raises
    ------
    UnfitExport
        If the file cannot be read or holds no line, or at the first line that is not one of an export.
    """
    number = 0
    try:
        with path.open(encoding="utf-8", newline="\n") as file:
            for number, line in enumerate(file, 1):
                yield _parsed(path, number, line)
    except OSError as error:
        raise UnfitExport(path, f"it cannot be read ({type(error).__name__})") from None
    except UnicodeDecodeError:
        raise UnfitExport(path, f"it is no text after line {number}") from None
    if number == 0:
        raise UnfitExport(path, "it holds no line")


def _parsed(path: Path, number: int, line: str) -> Act:
    if not line.endswith("\n"):
        raise UnfitExport(path, f"line {number} is cut in its middle")
    try:
        found: Any = json.loads(line)
        act = Act(**found)
        as_written = type(act.seq) is int and all(type(getattr(act, name)) is str for name in _TEXTS)
        same = as_written and export_line(act) == line[:-1]
    except (ValueError, TypeError, RecursionError):
        same = False
    if not same:
        raise UnfitExport(path, f"line {number} is not written as `caregate audit export` writes it")
    return act
