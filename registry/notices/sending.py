"""Sends what is due and was not sent: at least once, however often the process is killed, and once where it is not.

A line in the ledger follows each sending. Between the two lies the one moment in which a kill makes a second sending.
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import lru_cache
from pathlib import Path

from caregate.clock import Clock, system_clock
from caregate.settings import Settings
from governance.database import ledger_database
from governance.ledger import Ledger
from registry.messengers.factory import messengers_of
from registry.messengers.message import Message, Messenger, NotDelivered
from registry.names import PROMOTER
from registry.notices.due import due_notices
from registry.notices.gathering import gather_facts, mark_of
from registry.notices.notice import Notice
from registry.notices.policy import NoticePolicy, load_notice_policy
from registry.pages import mlflow_address

SENT, FAILED = "notice.send", "notice.fail"
"""Acts of the ledger: somebody was told; somebody could not be told at the first try."""

log = logging.getLogger("caregate.notices")


@dataclass
class Outlook:
    """What a process remembers between two looks.

    Attributes
    ----------
    mark, look_at
        What was seen at the last look, and when to look again although nothing changed.
    told
        What was sent, should the ledger's line be missing.
    failures, rests_until
        Of each sending that failed: how often in a row, and when it is tried again.
    """

    mark: tuple[int, int] | None = None
    look_at: datetime | None = None
    told: set[str] = field(default_factory=set)
    failures: dict[str, int] = field(default_factory=dict)
    rests_until: dict[str, datetime] = field(default_factory=dict)

    def asks_for(self, mark: tuple[int, int], now: datetime) -> bool:
        """Tell whether something may be due."""
        return mark != self.mark or self.look_at is None or now >= self.look_at

    def looked(self, mark: tuple[int, int], now: datetime, policy: NoticePolicy, still_due: Collection[str]) -> None:
        """Remember a look, and forget failures of what is due no more."""
        for key in [key for key in self.failures if key not in still_due]:
            self._forget(key)
        again = now + timedelta(minutes=policy.sending.look_every_minutes)
        self.mark, self.look_at = mark, min([again, *self.rests_until.values()])

    def failed(self, key: str, now: datetime, policy: NoticePolicy) -> None:
        """Remember a failure, and let the sending rest for longer each time."""
        self.failures[key] = self.failures.get(key, 0) + 1
        self.rests_until[key] = now + timedelta(seconds=policy.sending.pause_seconds.after(self.failures[key]))

    def succeeded(self, key: str) -> None:
        """Remember that somebody was told."""
        self.told.add(key)
        self._forget(key)

    def _forget(self, key: str) -> None:
        self.failures.pop(key, None)
        self.rests_until.pop(key, None)


@lru_cache(maxsize=16)
def _outlook_on(_home: Path) -> Outlook:
    return Outlook()


def send_due_notices(settings: Settings, *, clock: Clock = system_clock, outlook: Outlook | None = None) -> int:
    """Send what is due and was not sent; return how many were sent.

    Two small queries where nothing changed. It waits for mail server and webhook, each for the policy's seconds at most
    once a call: call it where nothing else waits.

    Parameters
    ----------
    settings
        Of the home; where they name no messenger, nothing is read, sent or written.
    clock
        Tells the moment.
    outlook
        What the last call remembered; the process's own for this home where it is not given.
    """
    policy = load_notice_policy()
    messengers = messengers_of(settings, policy.sending.timeout_seconds)
    if not messengers:
        return 0
    outlook = _outlook_on(settings.home.resolve()) if outlook is None else outlook
    mark, now = mark_of(settings), clock()
    if not outlook.asks_for(mark, now):
        return 0
    due = due_notices(gather_facts(settings, now), policy, now)
    courier = _Courier(settings, policy, outlook, clock)
    sent = sum(courier.deliver(messenger, due) for messenger in messengers)
    outlook.looked(mark, now, policy, {item.key(messenger.name) for item in due for messenger in messengers})
    return sent


class _Courier:
    def __init__(self, settings: Settings, policy: NoticePolicy, outlook: Outlook, clock: Clock) -> None:
        self._base = mlflow_address(settings)
        self._policy = policy
        self._outlook = outlook
        self._clock = clock
        self._ledger = Ledger(ledger_database(settings), clock)
        self._sent = {act.digest for act in self._ledger.sealed(SENT)} | outlook.told

    def deliver(self, messenger: Messenger, due: Sequence[Notice]) -> int:
        """Send in order, those that failed least often first, until one fails: the rest waits for the next look."""
        count = 0
        for notice in sorted(due, key=lambda item: self._outlook.failures.get(item.key(messenger.name), 0)):
            key = notice.key(messenger.name)
            rests = self._outlook.rests_until.get(key)
            if key in self._sent or not messenger.reaches(notice.roles) or (rests and self._clock() < rests):
                continue
            if not self._send(messenger, notice, key):
                break
            count += 1
        return count

    def _send(self, messenger: Messenger, notice: Notice, key: str) -> bool:
        line = {"kind": notice.kind.value, "messenger": messenger.name}
        try:
            messenger.send(self._message(notice, key))
        except NotDelivered as error:
            self._outlook.failed(key, self._clock(), self._policy)
            self._ledger.append_once(PROMOTER, FAILED, notice.subject, digest=key, why=error.why, **line)
            log.warning("%s of %s: %s", notice.kind, notice.subject, error)
            return False
        self._ledger.append_once(PROMOTER, SENT, notice.subject, digest=key, **line)
        self._outlook.succeeded(key)
        return True

    def _message(self, notice: Notice, key: str) -> Message:
        links = {"Version": notice.page, "Report": notice.report}
        return Message(
            name=key,
            kind=notice.kind.value,
            subject=notice.subject,
            title=notice.title,
            lines=notice.lines,
            roles=notice.roles,
            at=self._clock(),
            links={what: f"{self._base}/{page}" for what, page in links.items() if page},
        )
