"""What follows from an event: a reply is taken in, a change says that the next ingest is due, a deletion is a STOP."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import msgspec
from sqlalchemy import Engine

from caregate.clock import Clock, system_clock
from caregate.errors import BadInput
from crm.hooks.inbox import Event, Inbox, State
from crm.hooks.policy import HookPolicy, Stops
from crm.outreach.patient_words import PatientBook
from crm.outreach.policy import load_outreach_policy
from crm.outreach.replies import receive
from crm.snapshot import SnapshotNotFound, latest
from governance.ledger import Ledger, digest_of
from governance.vault import Vault, namespace

MESSAGES, CAPSULE, LACRM = "messages", "capsule", "lacrm"
SOURCES = (CAPSULE, LACRM, MESSAGES)
CHANGED = "hook.data-changed"
"""Act of the ledger: the CRM's data are not those of the last ingest any more; once a day and source."""
HOW = "told by the CRM"
PATIENT = "patient"
OFF = frozenset({"", "no", "false", "0"})


class Unfit(BadInput):
    """An event that was proven to be its source's has no form that is known."""

    def __init__(self) -> None:
        super().__init__("the event has none of the forms that its source documents")


class Handler:
    """Handles the events of an inbox.

    Parameters
    ----------
    inbox
        Where they wait.
    snapshots
        Folder of the published snapshots: the newest says whose ids the CRM's are.
    policy
        What is a STOP.
    """

    def __init__(
        self,
        engine: Engine,
        vault: Vault,
        inbox: Inbox,
        snapshots: Path,
        policy: HookPolicy,
        *,
        clock: Clock = system_clock,
    ) -> None:
        self._engine = engine
        self._vault = vault
        self._inbox = inbox
        self._snapshots = snapshots
        self._policy = policy
        self._clock = clock

    def handle_waiting(self) -> int:
        """Handle every event that waits, and return how many; one that cannot be read waits no more."""
        count = 0
        for event in self._inbox.waiting():
            self.handle(event)
            count += 1
        return count

    def handle(self, event: Event) -> None:
        """Handle one event; done again, by another process too, it changes nothing."""
        try:
            self._handle(event)
            state = State.HANDLED
        except BadInput:
            state = State.UNFIT
        self._inbox.settle(event, state)

    def _handle(self, event: Event) -> None:
        try:
            told = msgspec.json.decode(event.body)
        except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError):
            raise Unfit from None
        if not isinstance(told, dict):
            raise Unfit
        if event.source == MESSAGES:
            policy = load_outreach_policy()
            once = digest_of({"source": event.source, "event": event.event})
            receive(
                self._engine, policy, told, by=_by(event.source), token_of=self._token_of, once=once, clock=self._clock
            )
            return
        self._changed(event.source)
        stops = self._policy.stops.get(event.source)
        if stops is not None:
            self._stop(event.source, told, stops)

    def _changed(self, source: str) -> None:
        day = self._clock().date().isoformat()
        digest = digest_of({"source": source, "day": day})
        Ledger(self._engine, self._clock).append_once(_by(source), CHANGED, source, digest=digest, day=day)

    def _stop(self, source: str, told: Mapping[str, Any], stops: Stops) -> None:
        kind = told.get("event") or told.get("TriggeringEvent")
        book = PatientBook(self._engine, self._clock)
        for identifier, fields in _people(source, told):
            says_no = str(fields.get(stops.field) or "").strip().lower() not in OFF if stops.field else False
            token = self._token_of(identifier) if kind in stops.events or says_no else None
            if token is not None:
                book.stop(token, None, by=_by(source), how=HOW)

    def _token_of(self, identifier: str) -> str | None:
        for table in ("appointments", "encounters"):
            try:
                system = latest(self._snapshots, table).manifest.system
            except SnapshotNotFound:
                continue
            found = self._vault.known(namespace(system, PATIENT), [identifier])
            if identifier in found:
                return found[identifier]
        return None


Person = tuple[str, Mapping[str, Any]]


def _people(source: str, told: Mapping[str, Any]) -> list[Person]:
    try:
        return list(_PEOPLE[source](told))
    except (AttributeError, TypeError):  # another shape than documented, at any depth
        raise Unfit from None


def _parties(told: Mapping[str, Any]) -> Iterator[Person]:
    payload = told.get("payload")
    for party in payload if isinstance(payload, list) else [payload]:
        if not isinstance(party, dict) or not isinstance(party.get("id"), int):
            continue
        held = [item for item in party.get("fields") or () if isinstance(item, dict)]
        fields = {str((item.get("definition") or {}).get("name")): item.get("value") for item in held}
        yield str(party["id"]), fields


def _contacts(told: Mapping[str, Any]) -> Iterator[Person]:
    contacts = told.get("Contacts")
    for contact in contacts if isinstance(contacts, list) else []:
        if isinstance(contact, dict) and isinstance(contact.get("ContactId"), str):
            yield contact["ContactId"], contact


_PEOPLE: Mapping[str, Callable[[Mapping[str, Any]], Iterator[Person]]] = {CAPSULE: _parties, LACRM: _contacts}


def _by(source: str) -> str:
    return f"hook:{source}"
