"""A model's life played into a home's ledger, at moments of the test's own; the acts of MLflow's side are its lines."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from caregate.clock import fixed_clock
from caregate.settings import Settings
from governance.database import exclusive, ledger_database
from governance.incident import Incident
from governance.ledger import Act, Ledger
from governance.people import Person, Role
from registry import suspension
from registry.approvals import VersionKey, record_verdict
from registry.champion import approved_folder
from registry.digest import VersionManifest, hash_files, write_manifest
from registry.model_lines import ROLLED_BACK
from registry.policy import Gesture, Verdict
from registry.promotions import PROMOTED
from registry.registrations import record_registration

START = datetime(2026, 1, 1, 12, tzinfo=UTC)
WAIVER = {"gate": "bias", "check": "gap[age]", "reason": "few old patients", "owner": "Dr Roy", "until": "2026-06-30"}
GATES = [{"gate": "accuracy", "verdict": "passed"}, {"gate": "bias", "verdict": "cannot-tell"}]
REASON = "scores drift at one site"


@dataclass
class Played:
    """A model of a home, and the moment at which its next act happens."""

    home: Settings
    model: str = "no-show"
    now: datetime = START
    risk_class: str = "operational"
    digests: dict[int, str] = field(default_factory=dict)

    def wait(self, days: float) -> datetime:
        self.now += timedelta(days=days)
        return self.now

    def ledger(self) -> Ledger:
        return Ledger(ledger_database(self.home), fixed_clock(self.now))

    def version(self, number: int) -> str:
        """Register a version: its signed copy, and the pipeline's line."""
        if number not in self.digests:
            self.digests[number] = _write_copy(self.home, self.model, number, self.risk_class)
            tags = {"digest": self.digests[number], "run.key": f"{self.model}-{number}", "author": "ada"}
            with exclusive(ledger_database(self.home)) as connection:
                ledger, key = self.ledger(), self.key(number)
                record_registration(connection, ledger, key, by="pipeline", location=f"models:/{number}", tags=tags)
        return self.digests[number]

    def key(self, number: int) -> VersionKey:
        return VersionKey(self.model, number, 1_700_000_000_000 + number)

    def say(self, number: int, verdict: Verdict, by: str, *, role: Role = Role.REVIEWER, days: float = 90) -> None:
        digest, engine = self.version(number), ledger_database(self.home)
        person = Person(by, role, service=False, disabled=False)
        reason = "" if verdict is Verdict.APPROVED else "wrong on new sites"
        with exclusive(engine) as connection:
            record_verdict(
                connection,
                self.ledger(),
                self.key(number),
                Gesture(verdict, reason),
                by=person,
                digest=digest,
                expires=self.now + timedelta(days=days),
            )

    def approve(self, number: int, by: str = "rita", *, role: Role = Role.REVIEWER, days: float = 90) -> None:
        self.say(number, Verdict.APPROVED, by, role=role, days=days)

    def revoke(self, number: int, by: str = "ron") -> None:
        self.say(number, Verdict.REVOKED, by)

    def promote(self, number: int, by: str = "promoter") -> Act:
        facts: dict[str, Any] = {"run_key": f"{self.model}-{number}", "recipe": ""}
        created, subject = self.key(number).created_ms, self.key(number).subject
        return self.ledger().append(by, PROMOTED, subject, digest=self.version(number), created_ms=created, **facts)

    def rollback(self, number: int, by: str = "ada") -> None:
        self.promote(number, by)
        self.ledger().append(by, ROLLED_BACK, f"{self.model}/{number}", digest=self.version(number))

    def suspend(self) -> Incident:
        return suspension.suspend(self.home, self.model, reason=REASON, by="ada", clock=fixed_clock(self.now))

    def resume(self) -> None:
        reason = "the site sends hours again"
        suspension.resume(self.home, self.model, reason=reason, by="rita", clock=fixed_clock(self.now))


def _write_copy(home: Settings, model: str, number: int, risk_class: str) -> str:
    aside = home.home / "aside" / model / str(number)
    (aside / "evidence").mkdir(parents=True)
    (aside / "model.ubj").write_text(f"{model} {number}", encoding="utf-8")
    waivers = [WAIVER | {"use": "in use"}, WAIVER | {"check": "other", "use": "not needed: the check did not fail"}]
    said = json.dumps({"gates": GATES, "waivers": waivers})
    (aside / "evidence" / "gates.json").write_text(said, encoding="utf-8")
    manifest = VersionManifest(
        model=model,
        author="ada",
        risk_class=risk_class,
        snapshot="sha256:" + "a" * 64,
        policy="sha256:" + "b" * 64,
        files=hash_files(aside),
    )
    write_manifest(aside, manifest)
    return _in_place(aside, approved_folder(home, manifest.digest), manifest.digest)


def _in_place(aside: Path, target: Path, digest: str) -> str:
    target.parent.mkdir(exist_ok=True)
    aside.rename(target)
    return digest
