"""What is known of a patient besides the record: consent, STOP, death and preferences, as lines of the ledger.

A line names the patient by their token alone. It is sealed, so nobody takes back a STOP by SQL.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection, Engine

from caregate.clock import Clock, system_clock
from caregate.errors import BadInput
from crm.outreach.medium import Medium
from crm.outreach.terms import zone_of
from governance.chain import Act
from governance.consent import GRANTED, REVOKED
from governance.database import exclusive
from governance.ledger import Ledger

STOPPED, RESUMED, DECEASED, LIVING, PREFERRED = (
    "contact.stop",
    "contact.resume",
    "patient.deceased",
    "patient.living",
    "contact.prefer",
)
"""Acts of the ledger, each on a patient's token."""
ANY = "any"
"""Every channel."""
CONTACT = "contact"
"""The purpose of being contacted at all."""
SAYING = (GRANTED, REVOKED, STOPPED, RESUMED, DECEASED, LIVING, PREFERRED)


class UnknownZone(BadInput):
    """No time zone has this name."""

    def __init__(self) -> None:
        super().__init__("no such time zone: take a name of the IANA database, such as America/Sao_Paulo")


@dataclass(frozen=True, slots=True)
class Preferences:
    """What a patient asked for; none where they did not.

    Attributes
    ----------
    zone, language
        An IANA name, and a code such as ``pt``.
    media
        The order in which channels are tried.
    """

    zone: str | None = None
    language: str | None = None
    media: tuple[Medium, ...] = ()


@dataclass(frozen=True, slots=True)
class PatientWords:
    """What a patient's lines come to.

    Attributes
    ----------
    consents
        By purpose, the last word and the line that holds it.
    stopped
        Channels that were ended, `ANY` for all of them.
    deceased
        Whether the patient has died.
    preferences
        The last ones.
    """

    consents: dict[str, tuple[bool, int]] = field(default_factory=dict)
    stopped: frozenset[str] = frozenset()
    deceased: bool = False
    preferences: Preferences = Preferences()

    def has_stopped(self, medium: Medium) -> bool:
        """Tell whether the patient ended this channel, or all."""
        return ANY in self.stopped or medium.value in self.stopped

    def word(self, medium: Medium) -> bool | None:
        """Return what was said of being contacted this way: yes takes two yeses, one no is a no; None is silence."""
        said = [self.consents.get(purpose, (None, 0))[0] for purpose in (CONTACT, medium.purpose)]
        if False in said:
            return False
        return True if all(said) else None

    def consent_line(self, medium: Medium) -> int | None:
        """Return the line by which the channel may be used."""
        return self.consents[medium.purpose][1] if medium.purpose in self.consents else None


def words_in(acts: Iterable[Act]) -> PatientWords:
    """Return what one patient's sealed lines, in order, come to."""
    consents: dict[str, tuple[bool, int]] = {}
    stopped: set[str] = set()
    deceased, preferences = False, Preferences()
    for act in acts:
        facts = act.facts
        if act.action in (GRANTED, REVOKED):
            consents[facts["purpose"]] = act.action == GRANTED, act.seq
        elif act.action == STOPPED:
            stopped.add(facts["channel"])
        elif act.action == RESUMED:
            stopped = _resumed(stopped, facts["channel"])
        elif act.action in (DECEASED, LIVING):
            deceased = act.action == DECEASED
        else:
            preferences = _preferences(facts)
    return PatientWords(consents, frozenset(stopped), deceased, preferences)


def _resumed(stopped: set[str], channel: str) -> set[str]:
    """Return what is still ended: who ended all and resumes one has ended the others."""
    if channel == ANY:
        return set()
    return ({medium.value for medium in Medium} if ANY in stopped else stopped) - {channel}


def _preferences(facts: dict[str, Any]) -> Preferences:
    return Preferences(facts["zone"], facts["language"], tuple(Medium(name) for name in facts["channels"]))


class PatientBook:
    """Writes and reads what patients said of being contacted.

    Parameters
    ----------
    engine
        The governance database, opened with the home's key.
    clock
        Tells the moment of a word.
    """

    def __init__(self, engine: Engine, clock: Clock = system_clock) -> None:
        self._engine = engine
        self._ledger = Ledger(engine, clock)

    def of(self, patient: str) -> PatientWords:
        """Return what the lines of the patient with this token come to."""
        with self._engine.connect() as connection:
            return self.within(connection, patient)

    def within(self, connection: Connection, patient: str) -> PatientWords:
        """Return what `of` does, as the transaction of `connection` sees it."""
        return words_in(self._ledger.sealed_within(connection, *SAYING, subject=patient))

    def stop(self, patient: str, medium: Medium | None, *, by: str, how: str) -> None:
        """Record a STOP of one channel, or of all where none is named; it holds from the next message on."""
        with exclusive(self._engine) as connection:
            name = medium.value if medium else ANY
            if not self.within(connection, patient).stopped & {name, ANY}:
                self._ledger.append_within(connection, by, STOPPED, patient, channel=name, how=how)

    def resume(self, patient: str, medium: Medium | None, *, by: str, how: str, once: str = "") -> None:
        """Take a STOP back; of one channel only what was said of that channel, of all everything.

        `once` is the digest of the event that said it: taken in again, it takes back no later STOP.
        """
        append = self._ledger.append_once if once else self._ledger.append
        append(by, RESUMED, patient, digest=once, channel=medium.value if medium else ANY, how=how)

    def died(self, patient: str, *, by: str, mistaken: bool = False) -> None:
        """Record that the patient has died, or that it was recorded by mistake."""
        self._ledger.append(by, LIVING if mistaken else DECEASED, patient)

    def prefer(self, patient: str, preferences: Preferences, *, by: str) -> None:
        """Record how the patient wants to be contacted, in the place of what was said before.

        Raises
        ------
        UnknownZone
            If there is no such time zone.
        """
        _require_zone(preferences.zone)
        channels = [medium.value for medium in preferences.media]
        said: dict[str, Any] = {"zone": preferences.zone, "language": preferences.language, "channels": channels}
        self._ledger.append(by, PREFERRED, patient, **said)


def _require_zone(name: str | None) -> None:
    if name is None:
        return
    try:
        zone_of(name)
    except (ValueError, OSError, KeyError):  # ZoneInfoNotFoundError is a KeyError
        raise UnknownZone from None
