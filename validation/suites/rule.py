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
    """

    id: str
    expect: str
    arguments: Mapping[str, Any]
    severity: Severity
    reason: str

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
    """The rules of one canonical table.

    Attributes
    ----------
    table
        The table's name.
    sample_rows
        Rows that rules which allow exceptions are judged on; past it they are drawn by chance.
    rules
        In the order of the page.
    """

    table: str
    sample_rows: int
    rules: tuple[Rule, ...]


SUITES = ("appointments", "encounters")


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
    said = yaml.safe_load((FOLDER / f"{name}.yaml").read_text(encoding="utf-8"))
    return Suite(said["table"], said["sample_rows"]["value"], tuple(_rule(each) for each in said["rules"]))


def _rule(said: Mapping[str, Any]) -> Rule:
    own = ("id", "expect", "severity", "reason")
    arguments = {key: value for key, value in said.items() if key not in own}
    return Rule(said["id"], said["expect"], arguments, Severity(said["severity"]), said["reason"])
