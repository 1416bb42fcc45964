"""Worklists: whom to contact on a day, made once and kept; who may no longer be contacted leaves it at once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from threading import Lock
from typing import Final

from sqlalchemy import Engine

from caregate.clock import Clock, system_clock
from caregate.errors import BadInput, Refused
from caregate.secret_store import Secrets, read_secrets
from caregate.settings import Settings
from crm.outreach.desk import Errand, Offer, reason_of
from crm.outreach.hold_out import PURPOSE as HOLD_OUT
from crm.outreach.hold_out import Arm
from crm.outreach.rules import Refusal
from crm.outreach.terms import zone_of
from crm.outreach.webhook import WEBHOOK
from crm.outreach.worklist_store import Entry, Worklist, WorklistStore
from crm.snapshot import latest
from governance.consents import ConsentBook
from governance.database import ledger_database
from models.catalogue import spec_of
from serving.known.history import History
from serving.outreach.making import Makings, errand_of, make
from serving.outreach.sender import clinic_of, desk_of, policy_of
from serving.policy import ServingPolicy
from serving.shelf import Standing
from serving.withholding import EXPIRED, SCORE, consents, stale

ROLLED_BACK: Final = "the worklist was made by a version that was rolled back since"
NOT_MADE: Final = "no worklist was made of that day"
NOBODY_DUE: Final = "the newest snapshot holds no record of the days that the list is about: ingest, or nobody is due"
PURPOSE_REFUSED: Final = "the model's policy does not allow the purpose that the outreach policy names"


class DayAhead(BadInput):
    """A worklist is asked for before its day."""

    def __init__(self) -> None:
        super().__init__("a worklist is made on its day: ask for today's, or for one that was made")


class NoWorklist(Refused):
    """Nobody is contacted by this model now: the usual care goes on."""

    def __init__(self, why: str) -> None:
        super().__init__(f"no worklist, the usual care goes on: {why}")
        self.why = why


@dataclass(frozen=True, slots=True)
class Shown:
    """An entry that somebody can be contacted about, and the channels that nothing but the night closes."""

    entry: Entry
    offers: Sequence[Offer]


@dataclass(frozen=True, slots=True)
class Today:
    """A worklist as it stands now.

    Attributes
    ----------
    worklist
        As it was made.
    shown
        Entries that somebody can be contacted about.
    dropped
        How many entries are not among them, by reason.
    """

    worklist: Worklist
    shown: tuple[Shown, ...]
    dropped: Mapping[str, int]


class Worklists:
    """The worklists of a home.

    Parameters
    ----------
    settings
        Of the home.
    standing
        Returns what answers for a model now.
    serving
        Support and number of reasons.
    clock
        Tells the moment.

    Attributes
    ----------
    policy, desk
        Of the home's outreach.
    """

    def __init__(
        self,
        settings: Settings,
        standing: Callable[[str], Standing],
        serving: ServingPolicy,
        clock: Clock = system_clock,
    ) -> None:
        engine: Engine = ledger_database(settings)
        self._settings = settings
        self._standing = standing
        self._serving = serving
        self._clock = clock
        self.policy = policy_of(settings)
        self.desk = desk_of(settings, engine, self.policy, clock)
        self._secrets: Secrets = read_secrets(settings.secrets_file)
        self._store = WorklistStore(engine)
        self._book = ConsentBook(engine)
        self._making = Lock()

    def today(self) -> date:
        """Return the clinic's day."""
        return self._clock().astimezone(zone_of(clinic_of(self._settings, self.policy).zone)).date()

    def worklist(self, model: str, day: date, *, by: str) -> Worklist:
        """Return the worklist of `day`, which is made when it is asked for first, on that day.

        Raises
        ------
        crm.outreach.policy.NoOutreach
            If the outreach policy does not name the model.
        DayAhead
            If the day has not come.
        NoWorklist
            If no version answers now, it is an older one than scored, none was made of a day that has passed, or
            nothing is known of the days that it is about; none is kept then, so that an ingest later that day counts.
        """
        self.policy.of(model)
        if day > self.today():
            raise DayAhead
        standing = self._standing(model)
        with self._making:
            kept = self._store.find(model, day)
            if why := self._why_not(standing, kept, day):
                raise NoWorklist(why)
            return kept or self._make(model, standing, day, by)

    def now(self, model: str, day: date, *, by: str, carrier: str = WEBHOOK) -> Today:
        """Return the worklist of `day` as it stands now, without those who may no longer be contacted.

        Errors as of `worklist`.
        """
        worklist = self.worklist(model, day, by=by)
        consenting = self.consenting(worklist)
        contacts = [entry for entry in consenting if entry.arm is Arm.CONTACT]
        errands = self.errands(worklist, contacts)
        dropped: Counter[str] = Counter()
        shown = []
        for entry, offers in zip(contacts, self.desk.offers(errands, carrier), strict=True):
            usable = tuple(offer for offer in offers if offer.only_quiet)
            if usable:
                shown.append(Shown(entry, usable))
            else:
                dropped[reason_of(offers).value] += 1
        if len(contacts) < len(consenting):
            dropped[Refusal.HELD_OUT.value] = len(consenting) - len(contacts)
        dropped[Refusal.NO_CONSENT.value] += len(worklist.entries) - len(consenting)
        return Today(worklist, tuple(shown), dict(+dropped))

    def consenting(self, worklist: Worklist) -> list[Entry]:
        """Return the entries whose patients have not taken back since that they may be scored."""
        self._book.refresh()
        history = self._standing(worklist.model).history
        return [entry for entry in worklist.entries if self._may_score(history, entry.patient)]

    def errands(self, worklist: Worklist, entries: Sequence[Entry]) -> list[Errand]:
        """Return what `entries` ask for, in their order."""
        said = self.policy.of(worklist.model)
        return [errand_of(worklist, entry, said) for entry in entries]

    def _why_not(self, standing: Standing, kept: Worklist | None, day: date) -> str | None:
        served, now = standing.served, self._clock()
        if served is None:
            return standing.why
        if served.expires_at is not None and served.expires_at <= now:
            return EXPIRED
        if not served.policy.allows(self.policy.of(served.spec.name).purpose):
            return PURPOSE_REFUSED
        if kept is not None:
            return ROLLED_BACK if served.version < kept.version else None
        return NOT_MADE if day < self.today() else stale(standing.history, served.policy.freshness, now)

    def _make(self, model: str, standing: Standing, day: date, by: str) -> Worklist:
        assert standing.served is not None  # noqa: S101  looked at before
        self._book.refresh()
        makings = Makings(
            served=standing.served,
            history=standing.history,
            snapshot=latest(self._settings.snapshots_dir, spec_of(model).table),
            said=self.policy.of(model),
            serving=self._serving,
            may_score=lambda patient: self._may_score(standing.history, patient),
            desk=self.desk,
            key=self._secrets.key_for(HOLD_OUT),
        )
        made, predicted = make(makings, day, by=by, at=self._clock())
        if not predicted:
            raise NoWorklist(NOBODY_DUE)
        return self._store.keep(made, predicted)

    def _may_score(self, history: History, patient: str) -> bool:
        in_snapshot = history.consent_word(patient, SCORE)
        return consents(self._book.said(patient, SCORE), in_snapshot, required=history.consent_required)
