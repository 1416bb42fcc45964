"""Writing scores into a CRM: each once, whatever was killed in between.

Before anything is sent, what is to be sent and what stood there is written down as pending; after the answer, as
written. Who finds a pending row looks into the CRM for the row's marker before it sends anything again.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

from caregate.clock import Clock
from crm.write_back.receivers import Receiver
from crm.write_back.store import Content, Form, State, WriteBack, WriteBacks
from crm.write_back.target import EntryRefused, Target
from crm.write_back.words import Wording

WROTE, ALREADY, FOUND, REFUSED, FOREIGN = "written", "written before", "found written", "refused", "not an entry's id"
NOTICE_EVERY = 25


@dataclass(frozen=True)
class Order:
    """What is to be written: where, how, in whose name.

    Attributes
    ----------
    batch
        Its name, by which it can be undone.
    form
        Field or note.
    place
        Name of the custom field.
    wording
        Model, day and what may be told.
    by
        Who started it.
    """

    batch: str
    form: Form
    place: str
    wording: Wording
    by: str


class Writer:
    """Writes the rows of one order into one CRM.

    Parameters
    ----------
    target
        The CRM.
    store
        What was written before, and what is now.
    new_marker
        Draws the markers.
    """

    def __init__(self, target: Target, store: WriteBacks, *, clock: Clock, new_marker: Callable[[], str]) -> None:
        self._target = target
        self._store = store
        self._clock = clock
        self._new_marker = new_marker

    def write(
        self, order: Order, receivers: Iterable[Receiver], *, ends: Counter[str], listener: Callable[[str], None]
    ) -> None:
        """Write every row that was not written yet, and count in `ends` what became of each.

        Raises
        ------
        FieldMissing, SignInRefused, QuotaSpent, Unanswered
            If the CRM cannot be written to; what was written until then stays, and is not written twice.
        """
        if order.form is Form.FIELD:
            self._target.prepare(order.place)
        wording = order.wording
        known = self._store.of_day(self._target.name, order.form, wording.model, wording.day.isoformat())
        for receiver in receivers:
            ends[self._one(order, receiver, known.get((receiver.token, receiver.row.version)))] += 1
            if ends.total() % NOTICE_EVERY == 0:
                listener(f"{ends.total():,} rows")

    def _one(self, order: Order, receiver: Receiver, last: WriteBack | None) -> str:
        if last is not None and last.state is State.WRITTEN:
            return ALREADY
        if not self._target.takes(receiver.entry):
            return FOREIGN
        try:
            if last is not None and last.state is State.PENDING:
                return self._resume(last)
            return self._send(self._begin(order, receiver))
        except EntryRefused:
            return REFUSED

    def _begin(self, order: Order, receiver: Receiver) -> WriteBack:
        marker, wording = self._new_marker(), order.wording
        is_field = order.form is Form.FIELD
        text = wording.field(receiver.row, marker) if is_field else wording.note(receiver.row, marker)
        before = self._target.read_field(receiver.entry) if is_field else None
        step = WriteBack(
            batch=order.batch,
            target=self._target.name,
            form=order.form,
            model=wording.model,
            version=receiver.row.version,
            record=receiver.token,
            day=wording.day.isoformat(),
            state=State.PENDING,
            marker=marker,
            content=Content(receiver.entry, text, before, place=order.place),
            at=self._clock(),
            by=order.by,
        )
        self._store.append(step)
        return step

    def _resume(self, pending: WriteBack) -> str:
        if pending.form is Form.FIELD:
            stands, note = self._target.read_field(pending.content.entry) == pending.content.text, None
        else:
            note = self._target.find_note(pending.content.entry, pending.marker)
            stands = note is not None
        if not stands:
            return self._send(pending)
        self._settle(pending, State.WRITTEN, note=note)
        return FOUND

    def _send(self, pending: WriteBack) -> str:
        content = pending.content
        try:
            if pending.form is Form.FIELD:
                self._target.write_field(content.entry, content.text)
                note = None
            else:
                note = self._target.write_note(content.entry, content.text)
        except EntryRefused:
            self._settle(pending, State.FAILED)
            raise
        self._settle(pending, State.WRITTEN, note=note)
        return WROTE

    def _settle(self, step: WriteBack, state: State, *, note: str | None = None) -> None:
        content = replace(step.content, note=note)
        self._store.append(replace(step, state=state, content=content, at=self._clock()))
