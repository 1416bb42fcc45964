"""A snapshot's quarantine: which rows are in it, what one says, and which of them the next ingest lets in."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field

import polars as pl

from caregate.errors import BadInput, CaregateError, NotFound, Refused
from crm.deidentify import quarantine_label, row_mark
from crm.rules import Action, Rule
from crm.snapshot import QUARANTINE, Snapshot
from crm.tables import TABLES
from governance.held_rows import Held
from governance.quarantine import Quarantine
from governance.row_keys import RowKeys
from governance.vault import Vault


class RowNotHeld(NotFound):
    """No such row is in the snapshot's quarantine."""

    def __init__(self, digest: str, number: int) -> None:
        super().__init__(
            f"row {number} is not in the quarantine of snapshot {digest[:19]}: see `caregate quarantine list`"
        )


class RuleHoldsNothing(NotFound):
    """A rule holds no row of the snapshot back."""

    def __init__(self, digest: str, holding: Collection[str]) -> None:
        super().__init__(f"no row of snapshot {digest[:19]} is held back by that rule; rows are by: {_named(holding)}")


class UnknownRule(NotFound):
    """No source has a rule of this name."""

    def __init__(self, name: str, holding: Collection[str]) -> None:
        super().__init__(f"no rule is named {name!r}; rows are held back by: {_named(holding)}")


class WhichTable(BadInput):
    """Rows of that number of several tables are held back."""

    def __init__(self, number: int, tables: Sequence[str]) -> None:
        super().__init__(f"row {number} is held back of {' and of '.join(tables)}: say which with --table")


class NotReleasable(Refused):
    """The rule lets no row pass, whoever vouches for it."""

    def __init__(self, rule: str, why: str) -> None:
        super().__init__(
            f"no person can release a row from the rule {rule}: {why}; mend it where it comes from and ingest it again"
        )


class NoKeys(CaregateError):
    """The snapshot's quarantine was written before rows had keys of their own."""

    def __init__(self, digest: str) -> None:
        super().__init__(
            f"the quarantine of snapshot {digest[:19]} was sealed without keys of rows: move the snapshot's folder "
            "aside and ingest its source again"
        )


def held_rows(snapshot: Snapshot) -> list[Held]:
    """Return every row that `snapshot` holds back, by table and number.

    Raises
    ------
    NoKeys
        If its quarantine is of an older form.
    SnapshotChanged
        If its file is not what the manifest says.
    """
    digest, source = snapshot.manifest.digest, snapshot.manifest.source
    frame = pl.read_parquet(snapshot.verified(QUARANTINE))  # a swapped name would turn a decision on another row
    if "key" not in frame.columns:
        raise NoKeys(digest)
    rows = frame.select("key", "table", "row_number", "rule").sort("table", "row_number")
    return [Held(key, digest, source, table, number, rule) for key, table, number, rule in rows.iter_rows()]


def find_rows(snapshot: Snapshot, numbers: Sequence[int], *, table: str | None = None) -> list[Held]:
    """Return the rows of `numbers` that `snapshot` holds back, each once.

    Raises
    ------
    RowNotHeld, WhichTable
        If a number names none, or one in several tables and `table` does not say which.
    """
    by_number: dict[int, list[Held]] = {}
    for row in held_rows(snapshot):
        if table in (None, row.table):
            by_number.setdefault(row.row_number, []).append(row)
    found = []
    for number in dict.fromkeys(numbers):
        rows = by_number.get(number)
        if not rows:
            raise RowNotHeld(snapshot.manifest.digest, number)
        if len(rows) > 1:
            raise WhichTable(number, [row.table for row in rows])
        found.append(rows[0])
    return found


def rows_of(snapshot: Snapshot, rule: str, *, table: str | None = None) -> list[Held]:
    """Return the rows that `rule` holds back, of all tables or of one.

    Raises
    ------
    RuleHoldsNothing
        If there is none.
    """
    rows = [row for row in held_rows(snapshot) if table in (None, row.table)]
    found = [row for row in rows if row.rule == rule]
    if not found:
        raise RuleHoldsNothing(snapshot.manifest.digest, {row.rule for row in rows})
    return found


def require_known(rule: str, rows: Sequence[Held]) -> None:
    """Refuse a rule that holds back none of `rows` and that this release does not have.

    Raises
    ------
    UnknownRule
        Names the rules that hold rows back.
    """
    holding = {row.rule for row in rows}
    if rule not in holding | _rule_names():
        raise UnknownRule(rule, holding)


def open_row(snapshot: Snapshot, row: Held, vault: Vault) -> dict[str, object]:
    """Return what `row` says, by column. Call `Quarantine.record_opening` first.

    Raises
    ------
    RowDiscarded, RowUnknown, SealBroken
        If it does not open.
    """
    here = (pl.col("table") == row.table) & (pl.col("row_number") == row.row_number)
    sealed = pl.scan_parquet(snapshot.path(QUARANTINE)).filter(here).select("sealed").collect().item()
    label = quarantine_label(row.source, row.table, row.row_number)
    opened: dict[str, object] = json.loads(RowKeys(vault).find(row.key).unseal(label, sealed))
    return opened


def require_releasable(rows: Sequence[Held]) -> None:
    """Refuse rows that a rule holds back from which nobody can release them.

    Raises
    ------
    NotReleasable
        For the first such rule; the text says why it is one.
    """
    for rule, source, table in sorted({(row.rule, row.source, row.table) for row in rows}):
        why = binding(source, table, rule)
        if why:
            raise NotReleasable(rule, why)


def binding(source: str, table: str, rule: str) -> str:
    """Return why no person can release a row from `rule`; empty where one can."""
    known = {item.name: item.binding for item in _rules_of(source, table)}
    return known.get(rule, "this release of Caregate does not know it")


def _rule_names() -> set[str]:
    rules = [rule for source in _own_rules() for rule in _rules_of(source, "")]
    rules += [rule for table in TABLES for rule in _rules_of("csv", table)]
    return {rule.name for rule in rules if rule.action is Action.QUARANTINE}


def _rules_of(source: str, table: str) -> Sequence[Rule]:
    from crm.sources.canonical_rules import canonical_rules

    own = _own_rules()
    return own[source]() if source in own else canonical_rules(table, for_scoring=False)


def _own_rules() -> dict[str, Callable[[], Sequence[Rule]]]:
    from crm.sources.diabetes_130_rules import encounter_rules
    from crm.sources.noshow_kaggle_rules import appointment_rules

    return {"noshow-kaggle": lambda: appointment_rules(for_scoring=False), "diabetes-130": encounter_rules}


def _named(rules: Collection[str]) -> str:
    return ", ".join(sorted(rules)) or "none"


@dataclass(frozen=True)
class ReleasedRows:
    """The rows that persons have released, as sources ask for them (`crm.source.Released`).

    Attributes
    ----------
    marks
        Each row's mark with the rule that it passes; rows that have changed since have other marks.
    vault
        Of the home; makes the marks.
    """

    marks: frozenset[tuple[str, str]]
    vault: Vault = field(repr=False, compare=False)

    @classmethod
    def of(cls, vault: Vault) -> ReleasedRows | None:
        """Return what was released in the home of `vault`, None where nothing was."""
        marks = Quarantine(vault.engine).released()
        return cls(marks, vault) if marks else None

    def __call__(self, system: str, table: str, rule: str, row: str) -> bool:
        """Return whether `row` may pass `rule`."""
        return (row_mark(self.vault, system, table, row), rule) in self.marks
