"""A line of the ledger in the words of whoever asks what happened to a model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from governance.incident import ADVANCED, NOTED, OPENED
from governance.ledger import Act
from registry import names
from registry.approvals import ACTIONS
from registry.judged import JUDGED
from registry.model_lines import REFUSED, ROLLED_BACK
from registry.policy import Verdict
from registry.promotions import PROMOTED
from registry.proving import PROVEN, UNPROVEN
from registry.registrations import REGISTERED
from registry.suspension import RESUMED, SUSPENDED

SHORT = 12
"""Digits of a digest or a hash that people compare."""


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened to a model.

    Attributes
    ----------
    at, by
        When, and who did it.
    what, why
        In words; the reason that was given, or empty.
    version
        Which one it is about; None where about none, or where no line says its number.
    line, hash
        The ledger's.
    action
        As the ledger calls it.
    """

    at: datetime
    by: str
    what: str
    why: str
    version: int | None
    line: int
    hash: str
    action: str


def events_of(lines: Sequence[Act]) -> list[Event]:
    """Return what happened, by a model's sealed lines, in order."""
    return [_event(act) for act in lines]


def short(digest: str) -> str:
    """Return the digits of a digest that people compare."""
    return digest.removeprefix("sha256:")[:SHORT]


def _event(act: Act) -> Event:
    facts = act.facts
    version = _number(facts.get("about", act.subject))
    what = _words(act, facts, version)
    why = str(facts.get("reason") or facts.get("why") or "")
    return Event(datetime.fromisoformat(act.at), act.actor, what, why, version, act.seq, act.hash, act.action)


def _words(act: Act, facts: Mapping[str, Any], version: int | None) -> str:
    which = f"version {version}" if version else f"a version ({short(act.digest)})" if act.digest else "a version"
    words = {
        JUDGED: "put a run through the gates",
        REGISTERED: f"registered {which}, author {facts.get('tags', {}).get(names.AUTHOR)}",
        PROVEN: f"found that the copy of {which} can be served",
        UNPROVEN: f"found that the copy of {which} cannot be served",
        ACTIONS[Verdict.APPROVED]: f"approved {which} as {facts.get('role')}",
        ACTIONS[Verdict.REJECTED]: f"rejected {which} as {facts.get('role')}",
        ACTIONS[Verdict.REVOKED]: f"revoked the approval of {which} as {facts.get('role')}",
        PROMOTED: f"put {which} in use",
        ROLLED_BACK: f"rolled back to {which}",
        SUSPENDED: "suspended the model",
        RESUMED: "let the model score again",
        OPENED: f"opened {act.subject} ({facts.get('kind')}): {facts.get('title')}",
        ADVANCED: f"moved {act.subject} to {facts.get('state')}",
        NOTED: f"noted on {act.subject}",
    }
    return f"was refused ({act.action.partition('.')[0]})" if act.action in REFUSED else words[act.action]


def _number(subject: str) -> int | None:
    last = subject.rpartition("/")[2]
    return int(last) if last.isdecimal() and subject.count("/") == 1 else None
