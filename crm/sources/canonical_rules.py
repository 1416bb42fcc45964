"""What can be wrong with a row of a canonical file, and what is done about it."""

from __future__ import annotations

from datetime import timedelta

import polars as pl

from crm.canonical import required_columns, schema_of
from crm.identity_rules import missing_value, repetition_rules
from crm.policy import door_policy
from crm.rules import CONTRACT, TWICE, UNMAPPED, Rule, quarantine, repair
from crm.sources.canonical_text import UNREAD
from crm.vocabulary import KEYS, RANGES, WORDS

ZONES = timedelta(days=1)
SMALL_CELLS = {"appointments": ("site",), "encounters": ("specialty", "payer")}
"""Columns of words that the system is free to choose."""
BOOKED = pl.col("status") == "booked"


def canonical_rules(table: str, *, for_scoring: bool) -> tuple[Rule, ...]:
    """Return the rules of `table` in the order in which they are asked."""
    return (
        quarantine("malformed-value", "a value is not of its column's type", pl.col(UNREAD), binding=UNMAPPED),
        missing_value(required_columns(table)),
        *_date_rules(table),
        *_vocabulary_rules(table),
        *(_appointment_rules() if table == "appointments" else ()),
        *(_encounter_rules() if table == "encounters" else ()),
        *_repetition(table),
        *(() if for_scoring else small_cells(table).values()),
    )


def _repetition(table: str) -> tuple[Rule, ...]:
    columns = list(schema_of(table))
    if table in KEYS:
        return repetition_rules(pl.col(KEYS[table]), columns)
    return (
        quarantine("repeated-row", "the same row stands here already; once is enough",
                   ~pl.struct(columns).is_first_distinct(), binding=TWICE),
    )  # fmt: skip


def _date_rules(table: str) -> tuple[Rule, ...]:
    policy = door_policy()
    times = [name for name, kind in schema_of(table).items() if kind.is_temporal()]
    if not times:
        return ()
    wrong = [~pl.col(name).dt.year().is_between(policy.first_year, policy.last_year) for name in times]
    return (
        quarantine(
            "broken-date", "a date lies outside of any clinic's life", pl.any_horizontal(wrong), binding=UNMAPPED
        ),
    )


def _vocabulary_rules(table: str) -> tuple[Rule, ...]:
    policy = door_policy()
    rules: list[Rule] = []
    if "age" in schema_of(table):
        age = pl.col("age")
        rules += [
            quarantine("negative-age", "nobody is younger than nought", age < 0, binding=CONTRACT),
            quarantine("implausible-age", "older than people become", age.ge(policy.implausible_age), binding=""),
            repair(
                "top-coded-age", "ages of 90 and above identify; they are one category", age.gt(policy.top_code_age)
            ),
        ]
    words = [~pl.col(name).is_in(sorted(known)) for name, known in WORDS.get(table, {}).items()]
    if words:
        rules.append(
            quarantine(
                "unknown-code", "a word is none of its column's closed set", pl.any_horizontal(words), binding=CONTRACT
            )
        )
    ranges = {name: bounds for name, bounds in RANGES.get(table, {}).items() if name != "age"}
    if ranges:
        outside = [~pl.col(name).is_between(low, high) for name, (low, high) in ranges.items()]
        rules.append(
            quarantine(
                "count-out-of-range", "a number is out of its range", pl.any_horizontal(outside), binding=CONTRACT
            )
        )
    return tuple(rules)


def _appointment_rules() -> tuple[Rule, ...]:
    return (
        quarantine(
            "booked-after-day",
            "booked after the day of the appointment; one day is allowed, for moments are UTC and days local",
            pl.col("booked_at").dt.date() > pl.col("day") + ZONES,
            binding=CONTRACT,
        ),
        quarantine(
            "contradictory-status",
            "still booked, and yet its outcome was known",
            BOOKED & pl.col("outcome_known_at").is_not_null(),
            binding=CONTRACT,
        ),
        assumed_outcome_time(),
    )


def assumed_outcome_time() -> Rule:
    """Take the outcome as known at the end of the day where the file does not say when it was."""
    return repair(
        "assumed-outcome-time",
        "the file does not say when the outcome was known; the end of the day is the earliest that is certain",
        ~BOOKED & pl.col("outcome_known_at").is_null(),
    )


def _encounter_rules() -> tuple[Rule, ...]:
    return (
        quarantine(
            "outcome-before-encounter",
            "the label was known before the encounter took place",
            pl.col("outcome_known_ordinal") <= pl.col("ordinal"),
            binding=CONTRACT,
        ),
        quarantine(
            "discharged-before-admitted",
            "discharged before the day of admission",
            pl.col("discharged_on") < pl.col("admitted_on"),
            binding=CONTRACT,
        ),
    )


def small_cells(table: str) -> dict[str, Rule]:
    """Return the rule by column that merges words with too few rows."""
    policy = door_policy()
    return {
        column: repair(
            f"small-{column}",
            f"a {column} with few rows points at persons and carries no statistic; it is merged as 'other'",
            pl.col(column).is_not_null()
            & (pl.len().over(column) < (policy.small_site if column == "site" else policy.rare_word)),
        )
        for column in SMALL_CELLS.get(table, ())
    }
