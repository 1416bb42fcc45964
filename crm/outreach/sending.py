"""Sending: takes each errand on, hands it over, and writes down what the channel said; killed anywhere, it goes on.

Between an approval and the line that says ``sent`` lies the one moment in which a kill leaves open whether a message
arrived. It is handed over again then under the same id, by which a gateway knows it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace

from caregate.clock import Clock, system_clock
from crm.outreach.channels import Channel, Message, Receipt
from crm.outreach.desk import Desk, Errand, Taken
from crm.outreach.medium import Medium
from crm.outreach.message_log import Line, State
from crm.outreach.rules import Refusal

SENT_BEFORE = "sent-before"
OPEN = "not-confirmed"
"""Of a message that the gateway neither took nor refused: it counts as sent, and is handed over again next time."""
STATES = {Receipt.ACCEPTED: State.SENT, Receipt.REFUSED: State.FAILED}
GATEWAY = "refused-by-gateway"
IdentifiersOf = Callable[[list[str]], Mapping[str, str]]


class Sender:
    """Sends errands by one channel.

    Parameters
    ----------
    desk
        Decides.
    channel
        Carries.
    identifiers
        Returns the CRM's own ids behind tokens.
    clock
        Tells the moment.
    """

    def __init__(self, desk: Desk, channel: Channel, identifiers: IdentifiersOf, clock: Clock = system_clock) -> None:
        self._desk = desk
        self._channel = channel
        self._identifiers = identifiers
        self._clock = clock

    def send(self, errands: Iterable[Errand], *, by: str) -> dict[str, int]:
        """Send in the name of `by`; return how many were sent, and how many were not for which reason."""
        return dict(Counter(self.send_one(errand, by=by) for errand in errands))

    def send_one(self, errand: Errand, *, by: str, media: frozenset[Medium] | None = None) -> str:
        """Send one errand by one of `media`; return its state, or the closed reason why it was not sent."""
        able = self._channel.capabilities.media
        taken = self._desk.take(errand, self._channel.name, able if media is None else able & media, by=by)
        if taken is None:
            return SENT_BEFORE
        if isinstance(taken, Refusal):
            return taken.value
        state = STATES.get(self._channel.deliver(self._message(taken)))
        if state is None:
            return OPEN
        self._desk.log.add(self._after(taken.line, state, by))
        return state.value

    def _after(self, approved: Line, state: State, by: str) -> Line:
        why = GATEWAY if state is State.FAILED else None
        return replace(approved, state=state, at=self._clock(), by=by, why=why)

    def _message(self, taken: Taken) -> Message:
        line = taken.line
        ids = self._identifiers([token for token in (line.patient, line.record) if token])
        assert line.channel is not None and line.language is not None  # noqa: PT018, S101  approved ones have both
        return Message(
            message_id=line.message_id,
            medium=line.channel,
            patient_id=ids[line.patient],
            record_id=ids[line.record] if line.record else None,
            text=taken.text,
            language=line.language,
        )
