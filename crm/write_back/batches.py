"""Writing back and undoing, put together for a home: policy, patients' words, CRM and record."""

from __future__ import annotations

import secrets
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import date
from functools import partial
from pathlib import Path

from caregate.clock import Clock, system_clock
from caregate.errors import BadInput, NotFound
from caregate.settings import Settings, place_for_output
from crm.atomic_folder import only_writer
from crm.snapshot import latest
from crm.write_back.policy import Place, WriteBackPolicy, write_back_policy
from crm.write_back.receivers import Receiver, Receivers, Register
from crm.write_back.rows import Scores, scores_of_day, scores_of_file
from crm.write_back.score_files import FORMS, OutputNeeded, ScoreFile, undo_file
from crm.write_back.store import Batch, Form, WriteBacks
from crm.write_back.target import Target
from crm.write_back.undoing import OPEN, Undoer
from crm.write_back.vendors import CRMS, open_target
from crm.write_back.words import MARKER, Wording
from crm.write_back.writing import Order, Writer
from governance.consent_book import ConsentBook
from governance.database import ledger_database
from governance.ledger import Ledger
from governance.vault import vault_of

TARGETS = (*CRMS, *FORMS)
LOCK = ".write-back.lock"
OVER = "another record of the patient was higher"
WOULD = "would be written"
Say = Callable[[str], None]


class UnknownTarget(BadInput):
    """Scores are not written into such a system."""

    def __init__(self) -> None:
        super().__init__(f"scores are written back to one of: {', '.join(TARGETS)}")


class UnknownBatch(NotFound):
    """No batch has this name."""

    def __init__(self) -> None:
        super().__init__("no batch of this name was written: see `caregate write-back list`")


@dataclass(frozen=True)
class Model:
    """What is told of a model: its name, its title, and the table and key of its records."""

    name: str
    title: str
    table: str
    key: str


@dataclass(frozen=True)
class Outcome:
    """What became of a batch: its name, and rows by what became of them."""

    batch: str
    target: str
    ends: Mapping[str, int]


class WriteBackDesk:
    """Writes back and undoes for one home.

    Parameters
    ----------
    settings
        Of the home.
    by
        Who acts.
    sleep, say
        How a wait is waited, and where progress goes.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        by: str,
        clock: Clock = system_clock,
        sleep: Callable[[float], None] = time.sleep,
        say: Say = lambda _: None,
        policy: WriteBackPolicy | None = None,
    ) -> None:
        self._settings = settings
        self._by = by
        self._clock = clock
        self._sleep = sleep
        self._say = say
        self._policy = policy or write_back_policy()
        self._engine = ledger_database(settings)
        self._vault = vault_of(settings)
        self._store = WriteBacks(self._engine, self._vault)

    def write(
        self,
        model: Model,
        *,
        target: str,
        form: Form = Form.FIELD,
        scores: Path | None = None,
        output: Path | None = None,
        dry_run: bool = False,
    ) -> Outcome:
        """Write scores back: those of the file `scores`, or what was predicted today.

        Raises
        ------
        BadInput
            If the input, target, place or sign-in cannot be used; nothing was sent then.
        SignInRefused, QuotaSpent, Unanswered
            If the CRM cannot be written to; the same command goes on where it stopped.
        """
        if target not in TARGETS:
            raise UnknownTarget
        place = self._policy.place(model.name)
        day = self._clock().date()
        read = scores_of_file(scores) if scores else scores_of_day(self._engine, model.name, day)
        found = self._receivers(model, read, place, target)
        receivers, over = found.receivers, 0
        if form is Form.FIELD and target in CRMS:
            receivers = _highest_each(receivers)
            over = len(found.receivers) - len(receivers)
        left = Counter({"abstained": read.abstained, "held": found.held, "unknown here": found.unknown, OVER: over})
        wording = Wording(model.name, model.title, day, self._policy.text)
        order = Order(_batch(day), form, place.field, wording, self._by)
        ends = Counter({WOULD: len(receivers)}) if dry_run else self._write(order, target, receivers, output)
        return Outcome("" if dry_run else order.batch, target, {name: n for name, n in (left + ends).items() if n})

    def undo(self, batch: str) -> Outcome:
        """Take out what `batch` wrote, where it still stands as it was written.

        Raises
        ------
        UnknownBatch
            If there is none.
        SignInRefused, QuotaSpent, Unanswered
            If the CRM cannot be written to.
        """
        with self._alone():
            steps = self._store.of_batch(batch)
            if not steps:
                raise UnknownBatch
            target = steps[0].target
            if target in CRMS:
                with self._target(target) as crm:
                    undoer = Undoer(crm, self._store, clock=self._clock, by=self._by)
                    ends = undoer.undo(steps, listener=self._say)
            else:
                undo = partial(undo_file, store=self._store, clock=self._clock, by=self._by)
                ends = Counter(undo(step) for step in steps if step.state in OPEN)
        self._note("write-back.undo", batch, ends, target=target)
        return Outcome(batch, target, dict(ends))

    def batches(self) -> list[Batch]:
        """Return every batch, newest last."""
        return self._store.batches()

    def _write(self, order: Order, target: str, receivers: tuple[Receiver, ...], output: Path | None) -> Counter[str]:
        ends: Counter[str] = Counter()
        with self._alone():
            try:
                if target in CRMS:
                    with self._target(target) as crm:
                        writer = Writer(crm, self._store, clock=self._clock, new_marker=_marker)
                        writer.write(order, receivers, ends=ends, listener=self._say)
                else:
                    if output is None:
                        raise OutputNeeded(target)
                    place_for_output(self._settings, output)
                    file = ScoreFile(target, self._store, self._policy.text, clock=self._clock)
                    ends += file.write(order, receivers, output, _marker())
            finally:
                if ends:
                    self._note("write-back", order.batch, ends, target=target, model=order.wording.model)
        return ends

    def _receivers(self, model: Model, scores: Scores, place: Place, target: str) -> Receivers:
        book = ConsentBook(self._engine)
        book.refresh()
        snapshot = latest(self._settings.snapshots_dir, model.table)
        register = Register(snapshot, self._vault, book.word, table=model.table, key=model.key)
        return register.receivers(scores, about=place.about if target in CRMS else "record")

    def _target(self, name: str) -> AbstractContextManager[Target]:
        return open_target(name, self._settings, self._policy, clock=self._clock, sleep=self._sleep)

    def _alone(self) -> AbstractContextManager[None]:
        return only_writer(self._settings.home.resolve(), LOCK)

    def _note(self, action: str, batch: str, ends: Mapping[str, int], **facts: str) -> None:
        Ledger(self._engine, self._clock).append(self._by, action, batch, **facts, ends=dict(ends))


def _highest_each(receivers: Iterable[Receiver]) -> tuple[Receiver, ...]:
    """Return one score an entry, the highest: an entry has one field."""
    highest: dict[str, Receiver] = {}
    for receiver in receivers:
        stands = highest.get(receiver.entry)
        if stands is None or receiver.row.score > stands.row.score:
            highest[receiver.entry] = receiver
    return tuple(highest.values())


def _batch(day: date) -> str:
    return f"wb-{day:%Y%m%d}-{secrets.token_hex(4)}"


def _marker() -> str:
    return MARKER + secrets.token_urlsafe(9)
