"""Where a verdict is taken: facts are gathered, the rule is asked, the ledger written, the page's stamps drawn up."""

from __future__ import annotations

from dataclasses import replace

from sqlalchemy import Engine

from caregate.clock import Clock
from caregate.errors import CaregateError
from caregate.settings import Settings
from governance.database import exclusive
from governance.ledger import Ledger
from governance.people import Person
from registry import names, policy
from registry.approvals import read_verdicts, record_verdict, verdicts_on
from registry.artifacts import artifact_folder
from registry.digest import verified_manifest
from registry.incumbent import overtaken_by
from registry.policy import Decision, Signature, State, Verdict, VersionFacts
from registry.registrations import Registration, registration_of
from registry.versions import RegisteredVersion

UNREGISTERED = "the ledger knows nothing of this version: it was not registered by a run"


class SigningDesk:
    """Takes verdicts on versions.

    Parameters
    ----------
    settings
        Say where the artifacts lie and for how long an approval stands.
    engine
        The governance database.
    clock
        Tells the moment of a verdict.
    """

    def __init__(self, settings: Settings, engine: Engine, clock: Clock) -> None:
        self._settings = settings
        self._engine = engine
        self._clock = clock
        self._ledger = Ledger(engine, clock)

    def take(self, actor: Person, version: RegisteredVersion, value: str) -> Decision:
        """Record the verdict that `actor` typed, if the rules let them give it."""
        gesture = policy.read_gesture(value)
        if isinstance(gesture, Decision):
            return gesture
        if gesture.verdict is Verdict.APPROVED and not (known := self._owns_password(actor)).allowed:
            return known
        registration = registration_of(self._ledger, version.key)
        if registration is None:
            return policy.refuse(UNREGISTERED)
        facts = self._facts(registration)  # hashes files, so outside of the transaction: they are closed anyway
        with exclusive(self._engine) as connection:
            facts = replace(facts, verdicts=verdicts_on(connection, self._ledger, version.key))
            now = self._clock()
            decision = policy.may_say(actor, gesture, facts, now)
            if decision.allowed:
                expires = policy.expiry_of(facts, now, self._settings.approval_days)
                record_verdict(
                    connection,
                    self._ledger,
                    version.key,
                    gesture,
                    by=actor,
                    digest=facts.digest,
                    expires=expires,
                )
        return decision

    def stands(self, version: RegisteredVersion) -> bool:
        """Tell whether a version stands approved, with the files that were approved."""
        registration = registration_of(self._ledger, version.key)
        if registration is None:
            return False
        facts = replace(self._facts(registration), verdicts=read_verdicts(self._engine, version.key))
        return facts.found == facts.digest and policy.state_of(facts, self._clock()) is State.APPROVED

    def stamps(self, version: RegisteredVersion) -> dict[str, str]:
        """Return the tags that show on MLflow's page what the ledger holds."""
        registration = registration_of(self._ledger, version.key)
        if registration is None:
            return {names.APPROVAL: f"void: {UNREGISTERED}"}
        verdicts = read_verdicts(self._engine, version.key)
        facts = replace(_facts_at_birth(registration), verdicts=verdicts)
        state = policy.state_of(facts, self._clock())
        shown = {names.APPROVAL: _text(state, facts, policy.approvals_that_count(facts, self._clock()))}
        if not verdicts:
            return shown
        signed = [item for item in verdicts if item.verdict is not Verdict.APPROVED] or verdicts
        shown[names.APPROVED_BY] = ", ".join(dict.fromkeys(item.by for item in signed))
        shown[names.APPROVED_AT] = signed[-1].at.isoformat(timespec="seconds")
        shown[names.APPROVED_DIGEST] = signed[-1].digest
        shown[names.APPROVED_UNTIL] = _until(state, signed)
        return shown

    def _owns_password(self, actor: Person) -> Decision:
        if self._settings.single_sign_on:
            return policy.ALLOW  # nobody signs in by password then
        acts = self._ledger.sealed(policy.RESET, policy.OWN_PASSWORD, subject=actor.name)
        return policy.owns_password([act.action for act in acts])

    def _facts(self, registration: Registration) -> VersionFacts:
        try:
            manifest = verified_manifest(artifact_folder(self._settings, registration.location))
        except CaregateError:
            return _facts_at_birth(registration)
        champion = overtaken_by(self._settings, registration.key, manifest, clock=self._clock)
        return replace(
            _facts_at_birth(registration),
            found=manifest.digest,
            author=manifest.author,
            signatures=manifest.signatures,
            valid_until=manifest.last_day,
            overtaken_by=champion.version if champion else None,
        )


def _facts_at_birth(registration: Registration) -> VersionFacts:
    return VersionFacts(
        author=registration.author,
        gate_status=registration.tags[names.GATE_STATUS],
        digest=registration.digest,
        found="",
        signatures=registration.signatures,
        verdicts=(),
    )


def _text(state: State, facts: VersionFacts, counted: list[Signature]) -> str:
    if state is State.APPROVED:
        return state.value
    if state is State.PENDING:
        signed = ", ".join(item.by for item in counted)
        return f"{state}: {len(counted)} of {facts.signatures}, signed by {signed}" if counted else state.value
    last = [item for item in facts.verdicts if item.verdict == state.value][-1]
    return f"{state}: {last.reason}"


def _until(state: State, signed: list[Signature]) -> str:
    if state in (State.REJECTED, State.REVOKED):
        return f"ended: {state}"
    return min(item.expires_at for item in signed if item.expires_at).isoformat(timespec="seconds")
