"""The rules of the sign-off, as pure functions from facts to a decision.

The server's store asks them on every write, whatever route it came by. Each refusal is a sentence for the person who
tried: MLflow's page shows it word for word.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum

from governance.people import Person, Role
from registry.names import APPROVAL

REASON_LENGTH, LONGEST_REASON = 10, 1000
GATES_THAT_MAY_BE_SIGNED = ("passed", "cannot-tell")
HOW_TO = "set it to approved, rejected: <reason> or revoked: <reason>"
OWN_PASSWORD, RESET = "user.password", "user.reset"
"""Acts of the ledger: somebody changed their own password; somebody else set it anew."""


class Verdict(StrEnum):
    """What a reviewer can say."""

    APPROVED = "approved"
    REJECTED = "rejected"
    REVOKED = "revoked"


class State(StrEnum):
    """Where a version stands."""

    PENDING = "pending"
    APPROVED = "approved"
    REJECTED = "rejected"
    REVOKED = "revoked"


@dataclass(frozen=True, slots=True)
class Signature:
    """A verdict as the ledger holds it.

    Attributes
    ----------
    verdict, by, reason
        What was said, by whom and why.
    clinical
        Whether the signer has the clinical role.
    digest
        The content that was signed.
    at, expires_at
        When it was said and, of an approval, until when it holds.
    """

    verdict: Verdict
    by: str
    reason: str
    clinical: bool
    digest: str
    at: datetime
    expires_at: datetime | None


@dataclass(frozen=True)
class VersionFacts:
    """What a decision about a version rests on.

    Attributes
    ----------
    author
        Who ran it.
    gate_status
        The gates' verdict in all.
    digest, found
        The content as it was registered, and as it lies in the artifact store now.
    signatures
        How many have to approve.
    verdicts
        What was said so far, in order.
    valid_until
        Last day of the waivers that the version stands on.
    overtaken_by
        The version in use, if this one was not compared with it.
    """

    author: str
    gate_status: str
    digest: str
    found: str
    signatures: int
    verdicts: Sequence[Signature]
    valid_until: date | None = None
    overtaken_by: int | None = None


@dataclass(frozen=True, slots=True)
class Gesture:
    """What the reviewer typed, read."""

    verdict: Verdict
    reason: str


@dataclass(frozen=True, slots=True)
class Decision:
    """Whether an act may happen; of a refusal, the sentence that says why not."""

    allowed: bool
    why: str = ""


ALLOW = Decision(allowed=True)


def refuse(why: str) -> Decision:
    """Return the refusal `why`."""
    return Decision(allowed=False, why=why)


def end_of(day: date) -> datetime:
    """Return the moment at which `day` is over, UTC."""
    return datetime.combine(day + timedelta(days=1), time(), UTC)


def expiry_of(facts: VersionFacts, at: datetime, days: int) -> datetime:
    """Return until when an approval given `at` holds: `days`, and never longer than the waivers it stands on."""
    ends = at + timedelta(days=days)
    return min(ends, end_of(facts.valid_until)) if facts.valid_until else ends


def approvals_that_count(facts: VersionFacts, now: datetime) -> list[Signature]:
    """Return the approvals of this very content that have not expired; none once a waiver under it ended."""
    if facts.valid_until and now >= end_of(facts.valid_until):
        return []
    given = [item for item in facts.verdicts if item.verdict is Verdict.APPROVED and item.digest == facts.digest]
    return [item for item in given if item.expires_at is not None and item.expires_at > now]


def state_of(facts: VersionFacts, now: datetime) -> State:
    """Return where the version stands; an approval that expired counts no more."""
    said = {item.verdict for item in facts.verdicts}
    for ended, state in ((Verdict.REVOKED, State.REVOKED), (Verdict.REJECTED, State.REJECTED)):
        if ended in said:
            return state
    counted = approvals_that_count(facts, now)
    enough = len({item.by for item in counted}) >= facts.signatures
    clinical = facts.signatures == 1 or any(item.clinical for item in counted)
    return State.APPROVED if enough and clinical else State.PENDING


def read_gesture(value: str) -> Gesture | Decision:
    """Read what was typed into the tag, or say how it should have been typed."""
    word, _, reason = value.partition(":")
    word, reason = word.strip().casefold(), " ".join(reason.split())
    if word not in list(Verdict):
        return refuse(f"this value of '{APPROVAL}' means nothing here: {HOW_TO}")
    if not reason.isprintable() or len(reason) > LONGEST_REASON:
        return refuse(f"write the reason in visible characters, at most {LONGEST_REASON}: {word}: <reason>")
    if word == Verdict.APPROVED:
        return Gesture(Verdict.APPROVED, reason)
    if len(reason) < REASON_LENGTH:
        return refuse(f"say why, in at least {REASON_LENGTH} characters: {word}: <reason>")
    return Gesture(Verdict(word), reason)


def may_say(actor: Person, gesture: Gesture, facts: VersionFacts, now: datetime) -> Decision:
    """Decide whether `actor` may give this verdict on the version."""
    if actor.disabled or not actor.role.signs:
        return refuse(f"{actor.name} is not a reviewer: only reviewers and clinical reviewers sign versions")
    state = state_of(facts, now)
    if gesture.verdict is Verdict.REVOKED:
        return ALLOW if state is State.APPROVED else refuse(f"only an approved version can be revoked; it is {state}")
    if actor.name.casefold() == facts.author.strip().casefold():
        return refuse("four eyes: the author may not sign off their own version; ask another reviewer")
    if state is not State.PENDING:
        return refuse(f"the version is {state} already: a new verdict needs a new version")
    return ALLOW if gesture.verdict is Verdict.REJECTED else _may_approve(actor, facts, now)


def _may_approve(actor: Person, facts: VersionFacts, now: datetime) -> Decision:
    if facts.gate_status not in GATES_THAT_MAY_BE_SIGNED:
        return refuse(f"the gates' verdict is '{facts.gate_status}': only passed or cannot-tell may be approved")
    if facts.found != facts.digest:
        return refuse("the files are not those that went through the gates: run the model again")
    if facts.overtaken_by is not None:
        return refuse(f"version {facts.overtaken_by} came into use since this one was judged: run the model again")
    if facts.valid_until and now >= end_of(facts.valid_until):
        return refuse(f"a waiver that it stands on ended on {facts.valid_until}: mend the model or renew the waiver")
    given = approvals_that_count(facts, now)
    if actor.name in {item.by for item in given}:
        return refuse(f"{actor.name} has signed already: a clinical model needs a second person")
    if given and not any(item.clinical for item in given) and actor.role is not Role.CLINICAL_REVIEWER:
        return refuse("the second signature of a clinical model has to be a clinical reviewer's")
    return ALLOW


def owns_password(acts: Sequence[str]) -> Decision:
    """Decide by the acts on an account's password, in order, whether its owner alone knows it, as an approval asks."""
    if acts and acts[-1] == RESET:
        return refuse(
            "this account's password was reset, so somebody else has seen it: change it first "
            "(the account's name at the bottom left, Change password), sign in with the new one, then approve"
        )
    return ALLOW
