"""Reference pages that follow from the code: ``python -m tests.docs.reference_pages`` writes them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import yaml

from crm.policy import POLICY
from crm.rules import Rule
from crm.sources.canonical_rules import canonical_rules
from crm.sources.diabetes_130_rules import encounter_rules
from crm.sources.noshow_kaggle_rules import appointment_rules
from crm.tables import TABLES
from crm.vocabulary import RANGES, WORDS

REFERENCE = Path(__file__).parents[2] / "docs" / "reference"
TYPES = {
    pa.string(): "text",
    pa.bool_(): "true or false",
    pa.timestamp("us"): "moment, UTC",
    pa.date32(): "day",
    pa.int8(): "whole number",
    pa.int16(): "whole number",
    pa.int64(): "whole number",
}
MOST_SHOWN = 10**6
"""A range that ends beyond is no range for people. Ages past theirs are repaired, not held back."""
ACTIONS = {"quarantine": "held back", "repair": "repaired"}

TABLES_HEAD = """# Canonical tables

What every source is mapped to, and what canonical CSV and Parquet files hold. In a file, ids are the system's own; in a
snapshot they are random tokens. A column that may be empty may also be left out. Moments are UTC, days are
`YYYY-MM-DD`. This page follows from `crm/tables.py` and `crm/vocabulary.py`.
"""
RULES_HEAD = """# Data rules

What can be wrong with a row, what is done about it, and why. A row that is held back goes to the snapshot's quarantine,
sealed, under the first rule that it meets; a repaired row stays. Both are counted by rule in the manifest and shown by
`caregate ingest`. This page follows from the rules in `crm/` and the numbers in `crm/policy.yaml`.
"""
MERGED = """Patients that only other tables mention are added to `patients` with nothing but their id; where the
files have a table of patients, they are counted as `patient-added`."""


def pages() -> dict[str, str]:
    """Return the text of every page by its file's name."""
    return {"canonical-tables.md": canonical_tables(), "data-rules.md": data_rules()}


def canonical_tables() -> str:
    """Return the page of tables and columns."""
    parts = [TABLES_HEAD]
    for table, schema in TABLES.items():
        rows = [
            (f"`{field.name}`", TYPES[field.type], "yes" if field.nullable else "no", _meaning(table, field))
            for field in schema
        ]
        parts.append(f"## `{table}`\n\n" + _markdown(("column", "type", "may be empty", "meaning"), rows))
    return "\n".join(parts)


def data_rules() -> str:
    """Return the page of rules by source."""
    parts = [
        RULES_HEAD,
        _section("`noshow-kaggle`", appointment_rules(for_scoring=False)),
        _section("`diabetes-130`", encounter_rules()),
        *(_section(f"Canonical files: `{table}`", canonical_rules(table, for_scoring=False)) for table in TABLES),
        f"{MERGED}\n",
        "## Numbers\n\n" + _markdown(("number", "value", "reason"), _numbers()),
    ]
    return "\n".join(parts)


def _meaning(table: str, field: pa.Field) -> str:
    said = field.metadata[b"meaning"].decode()
    words = sorted(WORDS.get(table, {}).get(field.name, ()))
    if words and not all(word in said for word in words):
        said += ": " + ", ".join(words)
    low, high = RANGES.get(table, {}).get(field.name, (0, 0))
    bounds = f"{low} to {high}"
    return f"{said}; {bounds}" if 0 < high <= MOST_SHOWN and field.name != "age" and bounds not in said else said


def _section(title: str, rules: Sequence[Rule]) -> str:
    rows = [(f"`{rule.name}`", ACTIONS[rule.action.value], rule.reason) for rule in rules]
    return f"## {title}\n\n" + _markdown(("rule", "the row is", "reason"), rows)


def _numbers() -> Iterator[tuple[str, str, str]]:
    said: Mapping[str, Mapping[str, Any]] = yaml.safe_load(POLICY.read_text(encoding="utf-8"))
    for part, numbers in said.items():
        for name, number in numbers.items():
            yield (
                f"`{part}.{name}`",
                f"{number['value']:,}" if number["value"] > 9999 else str(number["value"]),
                number["reason"],
            )


def _markdown(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [columns, ["---"] * len(columns), *rows]
    return "".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |\n" for line in lines)


if __name__ == "__main__":
    for name, text in pages().items():
        (REFERENCE / name).write_text(text, encoding="utf-8")
