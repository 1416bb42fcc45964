"""What a suite says: its rules, each a Great Expectations expectation with a severity and a reason."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from pathlib import Path
from typing import Any

import yaml

from caregate.errors import BadInput

FOLDER = Path(__file__).parent


class Severity(StrEnum):
    """What a broken rule means: the run ends, the reviewer reads it, or it is worth knowing."""

    CRITICAL = "critical"
    WARNING = "warning"
    INFO = "info"


class Layer(StrEnum):
    """Where on the way from a file to a score a table stands."""

    RAW = "raw"
    CANONICAL = "canonical"
    FEATURE = "feature"
    PREDICTION = "prediction"


class UnknownSuite(BadInput):
    """No suite has this name."""

    def __init__(self, name: str) -> None:
        super().__init__(f"no suite is named {name!r}: choose one of {', '.join(SUITES)}")


@dataclass(frozen=True, slots=True)
class Rule:
    """One expectation on a table.

    Attributes
    ----------
    id
        Its name, unique over suites and contracts.
    expect
        The Great Expectations class, without its leading ``Expect``.
    arguments
        What the class is made with: column, bounds, ``mostly``.
    severity, reason
        What breaking it means, and why the rule stands.
    done
        What the door does about rows that break it; empty where nothing is done.
    defect
        The kind of defect that it is there for, where it is there for one.
    """

    id: str
    expect: str
    arguments: Mapping[str, Any]
    severity: Severity
    reason: str
    done: str = ""
    defect: str = ""

    @property
    def column(self) -> str:
        """The column of the table or its view."""
        return str(self.arguments["column"])

    @property
    def allows_none(self) -> bool:
        """Whether a single row can break it: such rules are held against every row, however many there are."""
        return "mostly" not in self.arguments and self.expect in ("ColumnValuesToBeBetween", "ColumnValuesToNotBeNull")


@dataclass(frozen=True, slots=True)
class Suite:
    """The rules of one table.

    Attributes
    ----------
    table
        The table's name, unique over all layers of a run.
    sample_rows
        Rows that rules which allow exceptions are judged on; past it they are drawn by chance.
    rules
        In the order of the page.
    layer
        Where the table stands.
    """

    table: str
    sample_rows: int
    rules: tuple[Rule, ...]
    layer: Layer = Layer.CANONICAL


SUITES = ("appointments", "encounters")
"""Canonical tables that have one."""
OWN = ("id", "expect", "severity", "reason", "done", "defect")
"""What a file says of a rule itself; all else is handed to the expectation."""


@lru_cache(maxsize=8)
def load_suite(name: str) -> Suite:
    """Read the suite of canonical table `name`.

    Raises
    ------
    UnknownSuite
        If there is none.
    """
    if name not in SUITES:
        raise UnknownSuite(name)
    return read_suite(FOLDER / f"{name}.yaml", Layer.CANONICAL)


def read_suite(path: Path, layer: Layer) -> Suite:
    """Read the suite that stands at `path`."""
    said = yaml.safe_load(path.read_text(encoding="utf-8"))
    return Suite(said["table"], said["sample_rows"]["value"], tuple(map(rule_of, said["rules"])), layer)


def rule_of(said: Mapping[str, Any]) -> Rule:
    """Return the rule that a suite's file says."""
    arguments = {key: value for key, value in said.items() if key not in OWN}
    severity = Severity(said["severity"])
    words = {key: said[key] for key in ("reason", "done", "defect") if key in said}
    return Rule(said["id"], said["expect"], arguments, severity, **words)
