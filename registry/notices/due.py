"""What is due to be told, as a pure function of facts, policy and moment."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from governance.people import Role
from registry.notices import words
from registry.notices.facts import Facts, Incident, InUse, Refusal, Unpromoted, VersionSketch, Waiting
from registry.notices.notice import Kind, Notice
from registry.notices.policy import NoticePolicy

SIGNERS = (Role.REVIEWER, Role.CLINICAL_REVIEWER)
MAKERS = (Role.ENGINEER,)
KEEPERS = (Role.ADMIN,)


def due_notices(facts: Facts, policy: NoticePolicy, now: datetime) -> tuple[Notice, ...]:
    """Return every notice that people should have had by `now`, told or not, the gravest kinds first."""
    return (
        *_recent_incidents(facts.incidents, policy, now),
        *_endings(facts.in_use, policy, now),
        *_late(facts.unpromoted, policy, now),
        *_recent_refusals(facts.refusals, policy, now),
        *(_waiting(item, policy, now) for item in facts.waiting),
    )


def _waiting(item: Waiting, policy: NoticePolicy, now: datetime) -> Notice:
    roles = (Role.CLINICAL_REVIEWER,) if _last_has_to_be_clinical(item) else SIGNERS
    stage, said = f"{item.given} of {item.needed}", words.waiting(item)
    passed = [days for days in policy.waiting.remind_after_days if now - item.since >= timedelta(days=days)]
    if passed:
        said = words.still_waiting(item, (now - item.since).days)
        return _notice(Kind.REMINDER, item.version, f"{stage}, {max(passed)} days", said, roles)
    return _notice(Kind.SECOND if item.given else Kind.WAITING, item.version, stage, said, roles)


def _last_has_to_be_clinical(item: Waiting) -> bool:
    return item.clinical and item.needed - item.given == 1


def _endings(found: tuple[InUse, ...], policy: NoticePolicy, now: datetime) -> Iterator[Notice]:
    for item in found:
        moment, left = item.ends.isoformat(), item.ends - now
        reached = [days for days in policy.ending.announce_before_days if left <= timedelta(days=days)]
        if left <= timedelta():
            roles = (*SIGNERS, *MAKERS, *KEEPERS)
            yield _notice(Kind.ENDED, item.version, moment, words.ended(item), roles)
        elif reached:
            about = f"{moment}, {min(reached)} days"
            yield _notice(Kind.ENDING, item.version, about, words.ending(item, left), (*SIGNERS, *MAKERS))


def _late(found: tuple[Unpromoted, ...], policy: NoticePolicy, now: datetime) -> Iterator[Notice]:
    for item in found:
        if now - item.since >= timedelta(minutes=policy.promotion.late_after_minutes):
            roles = (*SIGNERS, *MAKERS, *KEEPERS)
            yield _notice(Kind.UNPROMOTED, item.version, item.since.isoformat(), words.unpromoted(item), roles)


def _recent_refusals(found: tuple[Refusal, ...], policy: NoticePolicy, now: datetime) -> Iterator[Notice]:
    for item in found:
        if now - item.at <= timedelta(days=policy.news.told_within_days):
            kind = Kind.REVOKED if item.revoked else Kind.REJECTED
            roles = (*MAKERS, *SIGNERS, *KEEPERS) if item.revoked else MAKERS
            yield _notice(kind, item.version, item.at.isoformat(), words.refusal(item), roles)


def _recent_incidents(found: tuple[Incident, ...], policy: NoticePolicy, now: datetime) -> Iterator[Notice]:
    for item in found:
        if now - item.at <= timedelta(days=policy.news.told_within_days):
            title, lines = words.incident(item)
            yield Notice(Kind.INCIDENT, item.name, item.at.isoformat(), title, lines, (*SIGNERS, *KEEPERS))


def _notice(kind: Kind, version: VersionSketch, about: str, said: words.Said, roles: tuple[Role, ...]) -> Notice:
    title, lines = said
    exactly = f"{version.key.created_ms}, {version.digest}, {about}"
    return Notice(kind, version.key.subject, exactly, title, lines, roles, version.page, version.report)
