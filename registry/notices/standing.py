"""Where a version stands, as notices need to know it: by its tags, and by its files where these decide."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime

from caregate.clock import fixed_clock
from caregate.errors import CaregateError
from caregate.settings import Settings
from registry import names, policy
from registry.artifacts import artifact_folder
from registry.digest import VersionManifest, verified_manifest
from registry.incumbent import overtaken_by
from registry.policy import Signature, State, VersionFacts
from registry.versions import RegisteredVersion


def facts_of(version: RegisteredVersion, verdicts: Sequence[Signature]) -> VersionFacts:
    """Return what the version's tags and the ledger's verdicts say: enough to tell people, not to sign or promote."""
    tags = version.tags
    until, author, digest = tags.get(names.VALID_UNTIL), tags.get(names.AUTHOR, ""), tags.get(names.DIGEST, "")
    return VersionFacts(
        author=author,
        gate_status=tags.get(names.GATE_STATUS, ""),
        digest=digest,
        found=digest,
        signatures=int(tags.get(names.SIGNATURES, 2)),
        verdicts=without_author(verdicts, author),
        valid_until=date.fromisoformat(until) if until else None,
    )


def without_author(verdicts: Sequence[Signature], author: str) -> list[Signature]:
    """Return the verdicts that count: an author's own does not."""
    return [item for item in verdicts if item.by.casefold() != author.strip().casefold()]


def may_be_signed(settings: Settings, version: RegisteredVersion, facts: VersionFacts, now: datetime) -> bool:
    """Tell whether a reviewer who signs now is let: the files are hashed for it."""
    ended = facts.valid_until is not None and now >= policy.end_of(facts.valid_until)
    if ended or facts.gate_status not in policy.GATES_THAT_MAY_BE_SIGNED:
        return False
    try:
        manifest = verified_manifest(artifact_folder(settings, version.location))
    except CaregateError:  # files other than those that were registered: nobody signs them
        return False
    overtaken = overtaken_by(settings, version.key, manifest, clock=fixed_clock(now))
    return overtaken is None and manifest.digest == facts.digest


def end_of_approval(verdicts: Sequence[Signature], manifest: VersionManifest, now: datetime) -> datetime | None:
    """Return when the approval of what `manifest` names ends, or ended; None where it was taken back or never stood."""
    facts = VersionFacts(
        author=manifest.author,
        gate_status="",
        digest=manifest.digest,
        found=manifest.digest,
        signatures=manifest.signatures,
        verdicts=without_author(verdicts, manifest.author),
        valid_until=manifest.last_day,
    )
    if policy.state_of(facts, now) is State.APPROVED:
        return min(item.expires_at for item in policy.approvals_that_count(facts, now) if item.expires_at)
    if any(item.verdict is not policy.Verdict.APPROVED for item in verdicts):
        return None
    given = [item.expires_at for item in facts.verdicts if item.digest == manifest.digest and item.expires_at]
    return min(given[-manifest.signatures :], default=None)
