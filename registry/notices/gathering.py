"""Gathers the facts that notices follow from: verdicts and promotions of the ledger, versions of the registry."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime

from caregate.settings import Settings
from governance.database import ledger_database, open_database
from governance.incident import OPENED, incidents_in
from governance.ledger import Ledger
from models.catalogue import SPECS
from registry import policy
from registry.approvals import VERDICTS, VersionKey, read_verdicts
from registry.champion import approved_folder
from registry.digest import DigestMismatch, verified_manifest
from registry.notices.facts import Facts, Incident, InUse, Refusal, Unpromoted, VersionSketch, Waiting
from registry.notices.standing import end_of_approval, facts_of, may_be_signed
from registry.pages import report_of, version_page
from registry.policy import Signature, State, Verdict
from registry.promotions import PROMOTED, Promotion, in_use, was_in_use
from registry.versions import RegisteredVersion, newest_version, versions_of


def mark_of(settings: Settings) -> tuple[int, int]:
    """Return what changes as soon as a fact does, other than by time alone: two small queries."""
    acts = Ledger(ledger_database(settings)).last(*VERDICTS, PROMOTED, OPENED)
    return acts, newest_version(open_database(settings.registry_url))


def gather_facts(settings: Settings, now: datetime) -> Facts:
    """Return what stands at the moment `now`."""
    ledger = Ledger(ledger_database(settings))
    models = [_read(settings, ledger, name) for name in SPECS]
    return Facts(
        waiting=tuple(item for model in models for item in _waiting(settings, model, now)),
        in_use=tuple(item for model in models for item in _approval_in_use(settings, model, now)),
        refusals=tuple(item for model in models for item in _refusals(model)),
        unpromoted=tuple(item for model in models for item in _unpromoted(ledger, model, now)),
        incidents=tuple(Incident(item.id, item.kind, item.opened_at) for item in incidents_in(ledger.sealed(OPENED))),
    )


@dataclass(frozen=True)
class _Model:
    """A model's versions by number, what was said of each, and which is in use."""

    versions: Sequence[RegisteredVersion]
    verdicts: Mapping[VersionKey, Sequence[Signature]]
    current: Promotion | None

    def sketch(self, version: RegisteredVersion) -> VersionSketch:
        facts = facts_of(version, self.verdicts[version.key])
        return VersionSketch(version.key, facts.digest, version.gates, version_page(version.key), report_of(version))


def _read(settings: Settings, ledger: Ledger, name: str) -> _Model:
    engine, versions = ledger_database(settings), versions_of(open_database(settings.registry_url), name)
    return _Model(versions, {item.key: read_verdicts(engine, item.key) for item in versions}, in_use(ledger, name))


def _waiting(settings: Settings, model: _Model, now: datetime) -> Iterator[Waiting]:
    """Yield the versions with a signature that counts and one to come, and the newest that has no verdict."""
    fresh = [item for item in model.versions if not model.verdicts[item.key]]
    begun = [item for item in model.versions if model.verdicts[item.key]]
    for version in (*begun, *fresh[-1:]):
        facts = facts_of(version, model.verdicts[version.key])
        given = policy.approvals_that_count(facts, now)
        stale = not given and version not in fresh  # what ended is told of the version in use alone
        if (
            stale
            or policy.state_of(facts, now) is not State.PENDING
            or not may_be_signed(settings, version, facts, now)
        ):
            continue
        born = datetime.fromtimestamp(version.key.created_ms / 1000, UTC)
        clinical = facts.signatures > 1 and not any(item.clinical for item in given)
        since = given[-1].at if given else born
        yield Waiting(model.sketch(version), since, len(given), facts.signatures, clinical)


def _approval_in_use(settings: Settings, model: _Model, now: datetime) -> Iterator[InUse]:
    current = next((item for item in model.versions if model.current and item.key == model.current.key), None)
    if model.current is None or current is None:
        return
    with suppress(DigestMismatch):  # a spoilt copy is another fault than an end, and told as one
        manifest = verified_manifest(approved_folder(settings, model.current.digest), model.current.digest)
        ends = end_of_approval(model.verdicts[current.key], manifest, now)
        if ends is not None:
            yield InUse(model.sketch(current), ends)


def _refusals(model: _Model) -> Iterator[Refusal]:
    for version in model.versions:
        used = model.current is not None and model.current.key == version.key
        for item in model.verdicts[version.key]:
            if item.verdict is not Verdict.APPROVED:
                yield Refusal(model.sketch(version), item.at, item.verdict is Verdict.REVOKED, used)


def _unpromoted(ledger: Ledger, model: _Model, now: datetime) -> Iterator[Unpromoted]:
    """Yield what was approved last, where it stands and neither it nor another came into use since."""
    approved = [item for item in model.versions if _stands(model, item, now)]
    for version in sorted(approved, key=lambda item: model.verdicts[item.key][-1].at)[-1:]:
        since = model.verdicts[version.key][-1].at
        overtaken = model.current is not None and model.current.at >= since
        if not overtaken and not was_in_use(ledger, version.key):
            yield Unpromoted(model.sketch(version), since)


def _stands(model: _Model, version: RegisteredVersion, now: datetime) -> bool:
    return policy.state_of(facts_of(version, model.verdicts[version.key]), now) is State.APPROVED
