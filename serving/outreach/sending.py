"""Sending a day's worklist, in the name of a person: idempotent, and one sender of a home at a time."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date

from caregate.clock import Clock, system_clock
from caregate.errors import BadInput
from caregate.settings import Settings
from crm.atomic_folder import only_writer
from crm.outreach.channels import Channel
from crm.outreach.desk import Errand
from crm.outreach.hold_out import Arm
from crm.outreach.medium import Medium
from crm.outreach.patient_words import ANY
from crm.outreach.sending import Sender
from governance.database import ledger_database
from governance.ledger import Ledger, digest_of
from governance.vault import Vault
from serving.outreach.worklists import Worklists

SENT, EMERGENCY = "outreach.send", "contact.emergency"
"""Acts of the ledger: a person sent a day's worklist; a person wrote past consent not given, caps or the night."""
LOCK = ".outreach.lock"
LEAST_REASON, LONGEST_REASON = 10, 500


class NotToday(BadInput):
    """A worklist is sent on its day."""

    def __init__(self) -> None:
        super().__init__("a worklist is sent on its own day alone: what was right then may be wrong now")


class ReasonUnfit(BadInput):
    """An emergency was not explained."""

    def __init__(self) -> None:
        super().__init__(f"say why, in {LEAST_REASON} to {LONGEST_REASON} characters and without a patient's data")


class NoEmergencyText(BadInput):
    """The template is not one for emergencies."""

    def __init__(self) -> None:
        super().__init__("no such template for emergencies: the outreach policy says which are")


class Outbox:
    """Sends messages of a home by one channel.

    Parameters
    ----------
    settings, vault, worklists
        Of the home.
    channel
        What carries them.
    clock
        Tells the moment.
    """

    def __init__(
        self, settings: Settings, vault: Vault, worklists: Worklists, channel: Channel, clock: Clock = system_clock
    ) -> None:
        self._settings = settings
        self._worklists = worklists
        self._channel = channel
        self._ledger = Ledger(ledger_database(settings), clock)
        self._sender = Sender(worklists.desk, channel, vault.identifiers, clock)

    def send(self, model: str, day: date, *, by: str) -> Mapping[str, int]:
        """Send the worklist of `day` in the name of `by`; return how many went out, or did not for which reason.

        Killed at any point and called again it goes on where it stopped.

        Raises
        ------
        NotToday
            If it is not the day.
        serving.outreach.worklists.NoWorklist
            If nobody is contacted by this model now.
        """
        if day != self._worklists.today():
            raise NotToday
        worklist = self._worklists.worklist(model, day, by=by)
        errands = self._worklists.errands(worklist, self._worklists.consenting(worklist))
        with only_writer(self._settings.home.resolve(), LOCK):
            counts = self._sender.send(errands, by=by)
        self._ledger.append(by, SENT, worklist.worklist, channel=self._channel.name, counts=counts)
        return counts

    def send_emergency(self, patient: str, template: str, medium: Medium | None, reason: str, *, by: str) -> str:
        """Send one message past silence, hold-out, caps and the night; never past a no, a STOP or a death.

        The ledger's line is written first: there is no such message without one.

        Parameters
        ----------
        patient
            The vault's token.
        template
            One of the policy's for emergencies.
        medium
            The only channel to try; the patient's order where none is named.
        reason
            For the ledger; nothing of a patient.
        by
            The person who answers for it.

        Returns
        -------
        str
            The message's state, or the closed reason why it was not sent.
        """
        said = self._worklists.policy.templates.get(template)
        if said is None or not said.emergency:
            raise NoEmergencyText
        why = reason.strip()
        if not LEAST_REASON <= len(why) <= LONGEST_REASON or not why.isprintable():
            raise ReasonUnfit
        way = medium.value if medium else ANY
        line = self._ledger.append(by, EMERGENCY, patient, reason=why, template=template, channel=way)
        errand = Errand(
            worklist=None,
            model="",
            prediction_id=None,
            patient=patient,
            record=None,
            arm=Arm.CONTACT,
            template=template,
            about=digest_of([line.seq, line.hash]),
            emergency=True,
        )
        return self._sender.send_one(errand, by=by, media=frozenset({medium}) if medium else None)
