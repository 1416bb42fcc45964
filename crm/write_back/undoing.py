"""Undoing a batch: what we wrote is taken out where it still stands, and nothing else is touched."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace

from caregate.clock import Clock
from crm.write_back.store import Form, State, WriteBack, WriteBacks
from crm.write_back.target import EntryRefused, Target

UNDONE, CONFLICT, NOT_THERE, REFUSED = "undone", "changed by somebody since", "nothing of ours there", "refused"
OPEN = (State.WRITTEN, State.PENDING, State.CONFLICT)
"""States in which something of ours may stand in the CRM."""


class Undoer:
    """Takes the steps of a batch out of one CRM."""

    def __init__(self, target: Target, store: WriteBacks, *, clock: Clock, by: str) -> None:
        self._target = target
        self._store = store
        self._clock = clock
        self._by = by

    def undo(self, steps: Sequence[WriteBack], *, listener: Callable[[str], None]) -> Counter[str]:
        """Undo `steps`, the last of each write-back, and return what became of how many.

        Raises
        ------
        SignInRefused, QuotaSpent, Unanswered
            If the CRM cannot be written to; the same command goes on where it stopped.
        """
        ends: Counter[str] = Counter()
        standing = [step for step in steps if step.state in OPEN]
        places = {step.content.place for step in standing if step.form is Form.FIELD}
        for place in sorted(places):
            self._target.prepare(place)
        for number, step in enumerate(standing, start=1):
            ends[self._one(step)] += 1
            listener(f"{number:,} of {len(standing):,}")
        return ends

    def _one(self, step: WriteBack) -> str:
        try:
            end = self._field(step) if step.form is Form.FIELD else self._note(step)
        except EntryRefused:
            return REFUSED
        state = State.CONFLICT if end == CONFLICT else State.UNDONE
        self._store.append(replace(step, state=state, at=self._clock(), by=self._by))
        return end

    def _field(self, step: WriteBack) -> str:
        content = step.content
        stands = self._target.read_field(content.entry)
        if stands == content.text:
            self._target.write_field(content.entry, content.before)
            return UNDONE
        return NOT_THERE if stands == content.before else CONFLICT

    def _note(self, step: WriteBack) -> str:
        note = step.content.note or self._target.find_note(step.content.entry, step.marker)
        text = None if note is None else self._target.note_text(note)
        if note is None or text is None:
            return NOT_THERE
        if text != step.content.text:
            return CONFLICT
        self._target.delete_note(note)
        return UNDONE
