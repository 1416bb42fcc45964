"""An incident, as the lines of the ledger tell of it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from governance.incident_rules import Kind, State
from governance.ledger import Act

OPENED, ADVANCED, NOTED = "incident.open", "incident.advance", "incident.note"
"""Acts of the ledger: they are all that an incident is."""


@dataclass(frozen=True, slots=True)
class Step:
    """What was done about an incident: its new state, None of a note; who, when, why and the ledger's line."""

    state: State | None
    by: str
    at: datetime
    reason: str
    line: int


@dataclass(frozen=True, slots=True)
class Incident:
    """An incident as its lines tell it.

    Attributes
    ----------
    id
        Such as ``inc-2026-0001``.
    kind, about, title
        What went wrong, with what (a model, a version such as ``no-show/3``, the ledger), and in a sentence.
    opened_by, opened_at, line
        By whom and when, and the ledger's line.
    facts
        Further ones; never a value of a patient's record.
    once_key
        Names what keeps it from being opened twice; empty where nothing does.
    steps
        What was done about it, in order.
    """

    id: str
    kind: Kind
    about: str
    title: str
    opened_by: str
    opened_at: datetime
    line: int
    facts: Mapping[str, Any]
    once_key: str
    steps: tuple[Step, ...]

    @property
    def state(self) -> State:
        """Where it stands."""
        return next((step.state for step in reversed(self.steps) if step.state), State.OPEN)

    @property
    def contained_by(self) -> str | None:
        """Who contained it last."""
        return next((step.by for step in reversed(self.steps) if step.state is State.CONTAINED), None)


def incidents_in(acts: Iterable[Act]) -> list[Incident]:
    """Return the incidents that these lines of the ledger tell of, by their order of opening."""
    lines: dict[str, list[Act]] = {}
    for act in acts:
        if act.action == OPENED or act.subject in lines:
            lines.setdefault(act.subject, []).append(act)
    return [_incident(item) for item in lines.values()]


def _incident(lines: list[Act]) -> Incident:
    first, facts = lines[0], lines[0].facts
    return Incident(
        id=first.subject,
        kind=Kind(facts["kind"]),
        about=facts["about"],
        title=facts["title"],
        opened_by=first.actor,
        opened_at=datetime.fromisoformat(first.at),
        line=first.seq,
        facts=facts["facts"],
        once_key=facts["once_key"],
        steps=tuple(_step(act) for act in lines[1:]),
    )


def _step(act: Act) -> Step:
    facts = act.facts
    state = State(facts["state"]) if act.action == ADVANCED else None
    return Step(state, act.actor, datetime.fromisoformat(act.at), facts["reason"], act.seq)
