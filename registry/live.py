"""What was live at a moment, by a model's sealed lines up to then: the rules of the day are those of the champion."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from governance.ledger import Act
from registry.approvals import VERDICTS, VersionKey, signature_of
from registry.champion import NotApproved, Standing, signed_facts, standing_among
from registry.digest import VersionManifest
from registry.events import Event, events_of
from registry.model_lines import REFUSED
from registry.policy import Verdict, approvals_that_count
from registry.promotions import PROMOTED
from registry.suspension import RESUMED, SUSPENDED, Suspension, suspension_in


class Service(StrEnum):
    """How a model stood."""

    LIVE = "live"
    SUSPENDED = "suspended"
    NOT_APPROVED = "not approved"
    NONE = "nothing in use"
    UNKNOWN = "cannot tell"
    """The version's files are gone, so that nobody can say how many had to sign."""


@dataclass(frozen=True, slots=True)
class Signed:
    """A verdict that was given by then.

    Attributes
    ----------
    verdict, by, role, reason
        What was said, by whom, as what and why.
    at, until
        When, and until when it holds if it is an approval.
    counted
        Whether it carried the version at that moment.
    line, hash
        The ledger's.
    """

    verdict: Verdict
    by: str
    role: str
    reason: str
    at: datetime
    until: datetime | None
    counted: bool
    line: int
    hash: str


@dataclass(frozen=True)
class Content:
    """What a version is made of, as far as its files still tell.

    Attributes
    ----------
    manifest
        What the digest covers; None where no copy verifies.
    gates
        Each gate's verdict.
    waivers
        Failed checks that somebody answered for.
    copy
        Where the approved copy lies.
    fault
        Why the copy does not verify today; empty where it does.
    version_page, report_page
        In MLflow, as paths below its address; empty where it knows no such version.
    """

    manifest: VersionManifest | None
    gates: Mapping[str, str]
    waivers: Sequence[Mapping[str, Any]]
    copy: str
    fault: str
    version_page: str
    report_page: str


@dataclass(frozen=True)
class LiveAt:
    """What was live at a moment, who signed it, and on what evidence.

    Attributes
    ----------
    model, at
        What was asked.
    state
        How the model stood.
    promotion
        The line that put the version in use; None where none was.
    signed
        The verdicts on the version given by then, in order.
    standing
        The approval that held; None where none did.
    suspension
        The suspension that held; None where none did.
    content
        The version's evidence; None where nothing was in use.
    lines
        The ledger's lines that say so, in order.
    since
        What became of the version, and of the model, since.
    warnings
        What an auditor has to know of this answer.
    """

    model: str
    at: datetime
    state: Service
    promotion: Act | None
    signed: tuple[Signed, ...]
    standing: Standing | None
    suspension: Suspension | None
    content: Content | None
    lines: tuple[Act, ...]
    since: tuple[Event, ...]
    warnings: tuple[str, ...]

    @property
    def version(self) -> int | None:
        """The version in use, None where none was."""
        return VersionKey.of(self.promotion).version if self.promotion else None


def promotion_in_force(lines: Sequence[Act], at: datetime) -> Act | None:
    """Return the line of the promotion that said at the moment `at` what is in use."""
    return next((act for act in reversed(_until(lines, at)) if act.action == PROMOTED), None)


def what_was_live(
    model: str, lines: Sequence[Act], at: datetime, content: Content | None, warnings: Sequence[str] = ()
) -> LiveAt:
    """Return what was live at the moment `at`.

    Parameters
    ----------
    model
        Which one.
    lines
        Its sealed lines, in order, up to now.
    at
        The moment.
    content
        Of the version that `promotion_in_force` names.
    warnings
        What is to be said beside the answer.
    """
    by_then = _until(lines, at)
    promotion = promotion_in_force(lines, at)
    stops = [act for act in by_then if act.action in (SUSPENDED, RESUMED)]
    suspension = suspension_in(stops)
    verdicts = [act for act in by_then if promotion and _is_verdict_on(act, promotion)]
    standing = _standing(promotion, verdicts, content, at)
    said = [*verdicts, *([promotion] if promotion else []), *stops[-1:]]
    return LiveAt(
        model=model,
        at=at,
        state=_state(promotion, content, standing, suspension),
        promotion=promotion,
        signed=_signed(verdicts, promotion, content, at) if promotion else (),
        standing=standing,
        suspension=suspension,
        content=content,
        lines=tuple(sorted(said, key=lambda act: act.seq)),
        since=_since(lines, at, promotion),
        warnings=(*warnings, *([content.fault] if content and content.fault else [])),
    )


def _until(lines: Sequence[Act], at: datetime) -> list[Act]:
    return [act for act in lines if datetime.fromisoformat(act.at) <= at]


def _is_verdict_on(act: Act, promotion: Act) -> bool:
    return act.action in VERDICTS and VersionKey.of(act) == VersionKey.of(promotion)


def _standing(promotion: Act | None, verdicts: Sequence[Act], content: Content | None, at: datetime) -> Standing | None:
    if promotion is None or content is None or content.manifest is None:
        return None
    try:
        said = [signature_of(act) for act in verdicts]
        return standing_among(said, VersionKey.of(promotion), content.manifest, now=at)
    except NotApproved:
        return None


def _state(
    promotion: Act | None, content: Content | None, standing: Standing | None, suspension: Suspension | None
) -> Service:
    if promotion is None:
        return Service.NONE
    if suspension is not None:
        return Service.SUSPENDED
    if content is None or content.manifest is None:
        return Service.UNKNOWN
    return Service.LIVE if standing else Service.NOT_APPROVED


def _signed(verdicts: Sequence[Act], promotion: Act, content: Content | None, at: datetime) -> tuple[Signed, ...]:
    said = {act.seq: signature_of(act) for act in verdicts}
    manifest = content.manifest if content else None
    counted = approvals_that_count(signed_facts(list(said.values()), manifest), at) if manifest else []
    return tuple(
        Signed(
            verdict=found.verdict,
            by=found.by,
            role=act.facts["role"],
            reason=found.reason,
            at=found.at,
            until=found.expires_at,
            counted=found in counted and act.digest == promotion.digest,
            line=act.seq,
            hash=act.hash,
        )
        for act, found in zip(verdicts, said.values(), strict=True)
    )


def _since(lines: Sequence[Act], at: datetime, promotion: Act | None) -> tuple[Event, ...]:
    """Return what came after, as far as it says what became of the version: not the way of other candidates."""
    version = VersionKey.of(promotion).version if promotion else None
    after = {act.seq for act in lines if datetime.fromisoformat(act.at) > at}
    return tuple(
        event
        for event in events_of(lines)
        if event.line in after
        and event.action not in REFUSED
        and (event.version in (None, version) or event.action == PROMOTED)
    )
