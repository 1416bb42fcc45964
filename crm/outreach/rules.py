"""The rules of contact: each a question with one reason for no, asked in a fixed order, the first no counts."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from zoneinfo import ZoneInfo

from crm.outreach.medium import Medium
from crm.outreach.patient_words import PatientWords
from crm.outreach.policy import OutreachPolicy
from crm.outreach.quiet_hours import is_quiet
from crm.outreach.sensitive import is_sensitive
from crm.outreach.templates import Sensitivity, Template

WEEK = timedelta(days=7)


class Refusal(StrEnum):
    """Why a patient is not contacted; `reason` says it in words."""

    DECEASED = "deceased"
    STOPPED = "stopped"
    NO_CONSENT = "no-consent"
    HELD_OUT = "held-out"
    CONTACTED = "already-contacted"
    SENSITIVE = "sensitive-content"
    NO_TEXT = "no-text"
    TOO_LONG = "too-long"
    CAP_DAY = "cap-of-the-day"
    CAP_WEEK = "cap-of-the-week"
    QUIET = "quiet-hours"

    @property
    def reason(self) -> str:
        """The reason in words."""
        return _REASONS[self]


_REASONS = {
    Refusal.DECEASED: "the patient has died",
    Refusal.STOPPED: "the patient asked for no more messages",
    Refusal.NO_CONSENT: "the patient has not agreed to be contacted this way",
    Refusal.HELD_OUT: "the patient is among those who show what happens without outreach",
    Refusal.CONTACTED: "the patient was contacted about this already",
    Refusal.SENSITIVE: "the content is for a person to say",
    Refusal.NO_TEXT: "the message is not written for this channel",
    Refusal.TOO_LONG: "the text is longer than the channel takes",
    Refusal.CAP_DAY: "the patient had as many messages today as anybody gets",
    Refusal.CAP_WEEK: "the patient had as many messages in seven days as anybody gets",
    Refusal.QUIET: "it is the patient's night",
}


@dataclass(frozen=True, slots=True)
class Case:
    """A message that somebody thinks of sending.

    Attributes
    ----------
    medium
        The channel.
    moment, zone
        When, and the patient's time zone.
    words
        What is known of the patient.
    earlier
        Moments of the patient's messages, delivered and under way, of every model, purpose and channel.
    contacted
        Whether one of them was about the same record.
    held_out
        Whether the patient is of the hold-out arm.
    template, language, text
        What would be said; `text` is None where the template has none in a language of the patient.
    free_text
        What staff added.
    """

    medium: Medium
    moment: datetime
    zone: ZoneInfo
    words: PatientWords
    earlier: Sequence[datetime]
    contacted: bool
    held_out: bool
    template: Template
    text: str | None
    free_text: str = ""


Rule = Callable[[Case, OutreachPolicy], Refusal | None]


def _deceased(case: Case, _policy: OutreachPolicy) -> Refusal | None:
    return Refusal.DECEASED if case.words.deceased else None


def _stopped(case: Case, _policy: OutreachPolicy) -> Refusal | None:
    return Refusal.STOPPED if case.words.has_stopped(case.medium) else None


def _revoked(case: Case, _policy: OutreachPolicy) -> Refusal | None:
    return Refusal.NO_CONSENT if case.words.word(case.medium) is False else None


def _silent(case: Case, _policy: OutreachPolicy) -> Refusal | None:
    return None if case.words.word(case.medium) else Refusal.NO_CONSENT


def _held_out(case: Case, _policy: OutreachPolicy) -> Refusal | None:
    return Refusal.HELD_OUT if case.held_out else None


def _contacted(case: Case, _policy: OutreachPolicy) -> Refusal | None:
    return Refusal.CONTACTED if case.contacted else None


def _sensitive(case: Case, policy: OutreachPolicy) -> Refusal | None:
    sensitive = case.template.sensitivity is Sensitivity.SENSITIVE
    return Refusal.SENSITIVE if sensitive or is_sensitive(case.free_text, policy.sensitive_words) else None


def _no_text(case: Case, _policy: OutreachPolicy) -> Refusal | None:
    return Refusal.NO_TEXT if case.text is None or case.medium not in case.template.media else None


def _too_long(case: Case, policy: OutreachPolicy) -> Refusal | None:
    longest = policy.longest.get(case.medium)
    return Refusal.TOO_LONG if longest and len(case.text or "") > longest.value else None


def _cap_of_the_day(case: Case, policy: OutreachPolicy) -> Refusal | None:
    """Of the patient's own day, and of 24 hours back: no midnight makes two in a row of one a day."""
    today = case.moment.astimezone(case.zone).date()
    since = case.moment - timedelta(days=1)
    count = sum(at > since or at.astimezone(case.zone).date() == today for at in case.earlier)
    return Refusal.CAP_DAY if count >= policy.caps.a_day.value else None


def _cap_of_the_week(case: Case, policy: OutreachPolicy) -> Refusal | None:
    count = sum(at > case.moment - WEEK for at in case.earlier)
    return Refusal.CAP_WEEK if count >= policy.caps.a_week.value else None


def _quiet(case: Case, policy: OutreachPolicy) -> Refusal | None:
    return Refusal.QUIET if is_quiet(case.moment, case.zone, policy.quiet_hours) else None


RULES: tuple[Rule, ...] = (
    _deceased,
    _stopped,
    _revoked,
    _silent,
    _held_out,
    _contacted,
    _sensitive,
    _no_text,
    _too_long,
    _cap_of_the_day,
    _cap_of_the_week,
    _quiet,
)
"""In the order in which they are asked: what no message passes first, what only time changes last."""
IN_EMERGENCY: tuple[Rule, ...] = (_deceased, _stopped, _revoked, _sensitive, _no_text, _too_long)
"""A named person with a reason passes silence, hold-out, caps and quiet hours; never a no, a STOP or a death."""
ORDER = tuple(Refusal)


def refusal_of(case: Case, policy: OutreachPolicy, *, emergency: bool = False) -> Refusal | None:
    """Return the first reason for which the message may not go out now; None where it may."""
    rules = IN_EMERGENCY if emergency else RULES
    return next((refusal for rule in rules if (refusal := rule(case, policy))), None)
