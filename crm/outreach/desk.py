"""The desk: decides by the rules about a message, and takes it on in the same transaction, so that no cap is passed.

Two processes that want to send to one patient take turns: what the first one approved the second one counts.
"""

from __future__ import annotations

import hmac
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from hashlib import sha256
from typing import Final

from sqlalchemy import Connection, Engine

from caregate.clock import Clock, system_clock
from crm.outreach.hold_out import Arm
from crm.outreach.medium import Medium
from crm.outreach.message_log import ENDED, Line, MessageLog, State, counted, states_of
from crm.outreach.patient_words import PatientBook, PatientWords
from crm.outreach.policy import OutreachPolicy
from crm.outreach.quiet_hours import open_hours
from crm.outreach.rules import ORDER, Case, Refusal, refusal_of
from crm.outreach.templates import Template
from crm.outreach.terms import zone_of
from governance.database import exclusive

PURPOSE: Final = "messages"
"""Names the key of message ids among those that a home draws from one secret."""
LASTING: Final = frozenset({Refusal.DECEASED, Refusal.STOPPED, Refusal.NO_CONSENT})
"""Reasons that end a message which was approved and has not gone out yet."""


@dataclass(frozen=True, slots=True)
class Clinic:
    """Who sends: its name, how to reach a person there, and its time zone."""

    provider: str
    reach: str
    zone: str


@dataclass(frozen=True, slots=True)
class Errand:
    """A message that may be sent, before a channel is chosen.

    Attributes
    ----------
    worklist, model, prediction_id, patient, record, arm
        As in the log.
    template
        Name of the template.
    about
        What makes it this message and no other.
    free_text
        What staff added.
    emergency
        Whether a named person sends it with a reason, past silence, hold-out, caps and quiet hours.
    """

    worklist: str | None
    model: str
    prediction_id: str | None
    patient: str
    record: str | None
    arm: Arm
    template: str
    about: str
    free_text: str = ""
    emergency: bool = False


@dataclass(frozen=True, slots=True)
class Offer:
    """A channel for an errand: open or refused; `begin` and `end` say when the patient's day leaves it open."""

    medium: Medium
    text: str
    language: str
    refusal: Refusal | None
    begin: datetime
    end: datetime

    @property
    def only_quiet(self) -> bool:
        """Whether nothing but the night stands in the way."""
        return self.refusal in (None, Refusal.QUIET)


@dataclass(frozen=True, slots=True)
class Taken:
    """A message that was taken on, and has to be handed over now."""

    line: Line
    text: str


class Desk:
    """Decides about messages of a home.

    Parameters
    ----------
    engine
        The governance database, opened with the home's key.
    policy
        Caps, hours and texts.
    clinic
        Who sends.
    key
        Of the home, for message ids.
    clock
        Tells the moment.
    """

    def __init__(
        self, engine: Engine, policy: OutreachPolicy, clinic: Clinic, key: bytes, clock: Clock = system_clock
    ) -> None:
        self._engine = engine
        self._policy = policy
        self._clinic = clinic
        self._key = key
        self._clock = clock
        self._book = PatientBook(engine, clock)
        self.log = MessageLog(engine)

    def offers(self, errands: Iterable[Errand], carrier: str) -> Iterator[list[Offer]]:
        """Yield for each errand what stands on each channel now, in the patient's own order; nothing is written."""
        moment = self._clock()
        with self._engine.connect() as connection:
            for errand in errands:
                yield self._offers(connection, errand, carrier, moment)

    def take(self, errand: Errand, carrier: str, media: frozenset[Medium], *, by: str) -> Taken | Refusal | None:
        """Take an errand on by the first open channel of `media`, in the name of `by`.

        Returns
        -------
        Taken
            To be handed over now; it was approved now, or before by a process that did not come to the end.
        Refusal
            Why not, which is in the log as well.
        None
            If the message went out, or ended, before.
        """
        with exclusive(self._engine) as connection:
            message_id = self.message_id(errand, carrier)
            lines = self.log.of_message(connection, message_id)
            if states_of(lines) & ENDED:
                return None
            approved = next((line for line in lines if line.state is State.APPROVED), None)
            offers = self._offers(connection, errand, carrier, self._clock())
            if approved is not None:
                same = [offer for offer in offers if offer.medium is approved.channel and offer.medium in media]
                return self._again(connection, approved, same[0], by) if same else Refusal.NO_TEXT
            usable = [offer for offer in offers if offer.medium in media]
            found = next((offer for offer in usable if offer.refusal is None), None)
            if found is None:
                refusal = reason_of(usable)
                self.log.add_within(connection, self._line(errand, carrier, State.PROPOSED, by, why=refusal))
                return refusal
            line = self._approved(connection, errand, carrier, found, by)
            self.log.add_within(connection, line)
            return Taken(line, found.text)

    def message_id(self, errand: Errand, carrier: str) -> str:
        """Return the id of the message that an errand becomes by `carrier`."""
        about = "\0".join((carrier, errand.model, errand.patient, errand.record or "", errand.template, errand.about))
        return hmac.digest(self._key, about.encode(), "sha256").hex()

    def _again(self, connection: Connection, approved: Line, offer: Offer, by: str) -> Taken | Refusal:
        """Decide anew about a message that was approved and not seen to go out: a STOP since then ends it."""
        if offer.refusal is None:
            return Taken(approved, offer.text)
        if offer.refusal in LASTING:
            ended = replace(approved, state=State.STOPPED, at=self._clock(), by=by, why=offer.refusal.value)
            self.log.add_within(connection, ended)
        return offer.refusal

    def _offers(self, connection: Connection, errand: Errand, carrier: str, moment: datetime) -> list[Offer]:
        words = self._book.within(connection, errand.patient)
        lines = self.log.of_patient(connection, errand.patient, carrier)
        earlier = counted(lines, but=self.message_id(errand, carrier))
        return [self._offer(errand, words, earlier, medium, moment) for medium in self._order(words)]

    def _offer(
        self, errand: Errand, words: PatientWords, earlier: Sequence[Line], medium: Medium, moment: datetime
    ) -> Offer:
        template = self._policy.templates[errand.template]
        language = self._language(template, words)
        text = template.render(language, self._clinic.provider, self._clinic.reach)
        text += f" {errand.free_text}" if errand.free_text else ""
        zone = zone_of(words.preferences.zone or self._clinic.zone)
        case = Case(
            medium=medium,
            moment=moment,
            zone=zone,
            words=words,
            earlier=[line.at for line in earlier],
            contacted=any(line.record == errand.record and line.model == errand.model for line in earlier),
            held_out=errand.arm is Arm.HELD_OUT,
            template=template,
            text=text,
            free_text=errand.free_text,
        )
        begin, end = open_hours(moment, zone, self._policy.quiet_hours)
        refusal = refusal_of(case, self._policy, emergency=errand.emergency)
        return Offer(medium, text, language, refusal, begin, end)

    def _order(self, words: PatientWords) -> list[Medium]:
        preferred = words.preferences.media
        return [*preferred, *(medium for medium in self._policy.defaults.media if medium not in preferred)]

    def _language(self, template: Template, words: PatientWords) -> str:
        wanted = words.preferences.language
        return wanted if wanted is not None and wanted in template.texts else self._policy.defaults.language

    def _approved(self, connection: Connection, errand: Errand, carrier: str, offer: Offer, by: str) -> Line:
        return replace(
            self._line(errand, carrier, State.APPROVED, by),
            channel=offer.medium,
            language=offer.language,
            text_digest="sha256:" + sha256(offer.text.encode()).hexdigest(),
            consent_line=self._book.within(connection, errand.patient).consent_line(offer.medium),
        )

    def _line(self, errand: Errand, carrier: str, state: State, by: str, why: Refusal | None = None) -> Line:
        return Line(
            message_id=self.message_id(errand, carrier),
            state=state,
            at=self._clock(),
            by=by,
            worklist=errand.worklist,
            model=errand.model,
            prediction_id=errand.prediction_id,
            patient=errand.patient,
            record=errand.record,
            arm=errand.arm,
            carrier=carrier,
            template=errand.template,
            template_version=self._policy.templates[errand.template].version,
            why=why.value if why else None,
        )


def reason_of(offers: Sequence[Offer]) -> Refusal:
    """Return the one reason for which none of `offers` is open: that of the channel that came farthest."""
    refusals = [offer.refusal for offer in offers if offer.refusal is not None]
    return max(refusals, key=ORDER.index, default=Refusal.NO_TEXT)
