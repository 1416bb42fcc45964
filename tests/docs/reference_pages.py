"""Reference pages that follow from the code: ``python -m tests.docs.reference_pages`` writes them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import yaml

from crm.policy import POLICY
from crm.rules import Action, Rule
from crm.sources.canonical_rules import canonical_rules
from crm.sources.diabetes_130_rules import encounter_rules
from crm.sources.noshow_kaggle_rules import appointment_rules
from crm.tables import TABLES
from crm.vocabulary import RANGES, WORDS
from validation.suites.raw import RAW_VIEWS, raw_suite
from validation.suites.rule import FOLDER, SUITES, Severity, load_suite, rule_of
from validation.suites.rule import Rule as Expected

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
sealed, under the first rule that it meets, and [a person decides](../how-to/clear-the-quarantine.md) about it unless
the last column says why nobody can; a repaired row stays. Both are counted by rule in the manifest and shown by
`caregate ingest`. This page follows from the rules in `crm/`, the numbers in `crm/policy.yaml` and the suites in
`validation/suites/`.
"""
SUITES_HEAD = """## What the suites look for

Great Expectations holds four layers against suites: the file as it came (raw), the snapshot's tables (canonical), a
model's feature table (feature) and its scores on held-out rows (prediction). What is counted is kept, never a value. In
`data-quality.html` beside a model every rule stands with what it found.

A broken **critical** rule fails the `data` gate: the data are not what they are said to be. A broken **warning** is put
to the reviewer, and **info** is worth knowing. What the door mended or held back of a raw file is counted and shown,
and stops nothing: it is past. Where the door counted none of what a rule found, the warning stands.

Sources with a file form of their own have a raw suite. Its table maps every kind of defect to the rule that finds it.
"""
OPEN = {
    Severity.CRITICAL: "the `data` gate fails",
    Severity.WARNING: "put to the reviewer",
    Severity.INFO: "nothing",
}
"""What follows where the door does nothing."""
MODELS_HEAD = """### Features and predictions

Made for every model from its features, groups, strata and bands, `{name}` standing for each; a model needs no suite of
its own, and may have rules of its own in `validation/suites/features/`.
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
        SUITES_HEAD,
        *(_raw_section(source) for source in RAW_VIEWS),
        *(_suite_section(f"Canonical: `{name}`", load_suite(name).rules) for name in SUITES),
        MODELS_HEAD,
        *(_template_section(name) for name in ("features", "predictions")),
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
    rows = [(f"`{rule.name}`", ACTIONS[rule.action.value], rule.reason, _release(rule)) for rule in rules]
    return f"## {title}\n\n" + _markdown(("rule", "the row is", "reason", "can be released"), rows)


def _release(rule: Rule) -> str:
    if rule.action is Action.REPAIR:
        return ""
    return f"no: {rule.binding}" if rule.binding else "yes"


def _raw_section(source: str) -> str:
    rules = raw_suite(source).rules
    rows = [
        (rule.defect, f"`{rule.id}`", rule.severity.value, rule.done or OPEN[rule.severity], rule.reason)
        for rule in rules
    ]
    return f"### Raw: `{source}`\n\n" + _markdown(("defect", "rule", "severity", "what is done", "reason"), rows)


def _suite_section(title: str, rules: Iterable[Expected]) -> str:
    rows = [(f"`{rule.id}`", rule.severity.value, rule.reason) for rule in rules]
    return f"### {title}\n\n" + _markdown(("rule", "severity", "reason"), rows)


def _template_section(name: str) -> str:
    said: Mapping[str, Any] = yaml.safe_load((FOLDER / f"{name}.yaml").read_text(encoding="utf-8"))
    parts = [value for key, value in said.items() if key == "rules" or key.startswith("each_")]
    return _suite_section(f"Any model: {name}", [rule_of(each) for part in parts for each in part])


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
