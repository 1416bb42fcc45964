"""The report of outreach: who got it by group and channel, why others did not, and what it did."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np
import polars as pl

from caregate.settings import Settings
from crm.outreach.effect import Counts, Effect, effect
from crm.outreach.hold_out import Arm
from crm.outreach.message_log import Line, MessageLog, State
from crm.outreach.policy import OutreachPolicy
from crm.outreach.webhook import WEBHOOK
from crm.outreach.worklist_store import Entry, Worklist, WorklistStore
from crm.snapshot import latest
from governance.database import ledger_database
from models.catalogue import spec_of
from validation.suppression import suppressed

OUTCOMES: Mapping[str, pl.Expr] = {
    "appointments": pl.when(pl.col("status").is_in(["fulfilled", "noshow"])).then(pl.col("status") == "noshow"),
    "encounters": pl.col("readmitted_within_30_days"),
}
"""Whether it happened, null while nobody knows."""
UNSENT = (State.PROPOSED, State.STOPPED, State.FAILED)
"""Where a message stands that did not reach its patient."""


@dataclass(frozen=True, slots=True)
class Group:
    """A group of the allocation; numbers are None where few people stand behind them.

    Attributes
    ----------
    scored, chosen, contacted
        Records of the group: scored, given a place, and sent a message.
    share
        Its rate of places over that of all, which the floor is about.
    """

    name: str
    scored: int | None
    chosen: int | None
    contacted: int | None
    share: float | None


@dataclass(frozen=True, slots=True)
class OutreachReport:
    """What became of a model's worklists.

    Attributes
    ----------
    model, since, worklists
        What it is of.
    grouping, floor, groups
        Coverage by group against the allocation's floor; no groups where the allocation has none.
    channels, states
        Messages that went out, by channel, and all by where they stand.
    why_not
        Places that led to no message, by reason.
    per_patient
        How many patients got how many messages.
    contact, held_out
        Patients of each arm whose outcome is known, each counted once, at their first place; only those whom a channel
        was open to.
    effect
        Their difference; None where an arm has too few.
    """

    model: str
    since: date
    worklists: int
    grouping: str | None
    floor: float | None
    groups: tuple[Group, ...]
    channels: Mapping[str, int]
    states: Mapping[str, int]
    why_not: Mapping[str, int]
    per_patient: Mapping[int, int]
    contact: int
    held_out: int
    effect: Effect | None


def report(
    settings: Settings, policy: OutreachPolicy, model: str, since: date, carrier: str = WEBHOOK
) -> OutreachReport:
    """Return the report of a model's worklists from `since` on, and of the messages that `carrier` took."""
    policy.of(model)
    engine = ledger_database(settings)
    lists = WorklistStore(engine).since(model, since)
    lines = MessageLog(engine).of_worklists([item.worklist for item in lists], carrier)
    last = {line.message_id: line for line in lines}
    out = {line.record: line for line in lines if line.state is State.SENT}
    facts = lists[-1].facts if lists else {}
    arms = _arms(settings, model, lists)
    said = policy.report
    return OutreachReport(
        model=model,
        since=since,
        worklists=len(lists),
        grouping=facts.get("grouping"),
        floor=facts.get("floor"),
        groups=_groups(lists, out, said.suppress_under.value),
        channels=_counted(line.channel.value for line in out.values() if line.channel),
        states=_counted(line.state.value for line in last.values()),
        why_not=_why_not(lists, last.values()),
        per_patient=dict(sorted(Counter(Counter(line.patient for line in out.values()).values()).items())),
        contact=arms[Arm.CONTACT].patients,
        held_out=arms[Arm.HELD_OUT].patients,
        effect=effect(arms[Arm.CONTACT], arms[Arm.HELD_OUT], said.confidence.value, least=said.suppress_under.value),
    )


def _groups(lists: Sequence[Worklist], out: Mapping[str | None, Line], under: int) -> tuple[Group, ...]:
    scored: Counter[str] = Counter()
    chosen: Counter[str] = Counter()
    for item in lists:
        for name, (count, got) in item.facts["groups"].items():
            scored[name] += count
            chosen[name] += got
    contacted = Counter(entry.covered for item in lists for entry in item.entries if entry.record in out)
    if not scored:
        return ()
    names = sorted(scored)
    sizes, places = np.array([scored[name] for name in names]), np.array([chosen[name] for name in names])
    overall = places.sum() / sizes.sum()
    hidden = suppressed(names, sizes, places, under)
    return tuple(
        Group(name, None, None, None, None)
        if hide
        else Group(name, int(n), int(got), contacted[name], float(got / n / overall) if overall else None)
        for name, n, got, hide in zip(names, sizes, places, hidden, strict=True)
    )


def _why_not(lists: Sequence[Worklist], last: Iterable[Line]) -> dict[str, int]:
    held = sum(entry.arm is Arm.HELD_OUT for item in lists for entry in item.entries)
    found = _counted(line.why for line in last if line.why and line.state in UNSENT and line.arm is Arm.CONTACT)
    return found | ({Arm.HELD_OUT.value: held} if held else {})


def _arms(settings: Settings, model: str, lists: Sequence[Worklist]) -> dict[Arm, Counts]:
    spec = spec_of(model)
    first: dict[str, Entry] = {}
    for item in lists:
        for entry in item.entries:
            if entry.reachable:
                first.setdefault(entry.patient, entry)
    happened = _outcomes(settings, spec.table, spec.record_id, [entry.record for entry in first.values()])
    found = {}
    for arm in Arm:
        known = [happened[entry.record] for entry in first.values() if entry.arm is arm and entry.record in happened]
        found[arm] = Counts(len(known), sum(known))
    return found


def _outcomes(settings: Settings, table: str, key: str, records: Sequence[str]) -> dict[str, bool]:
    if not records:
        return {}
    rows = pl.scan_parquet(latest(settings.snapshots_dir, table).verified(table)).filter(pl.col(key).is_in(records))
    known = rows.select(key, happened=OUTCOMES[table]).drop_nulls("happened").collect()
    return dict(known.iter_rows())


def _counted(words: Iterable[str]) -> dict[str, int]:
    return dict(sorted(Counter(words).items()))
