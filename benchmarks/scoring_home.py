"""A home for the benchmarks of scoring: two real versions of `no-show`, approved, on a published synthetic snapshot."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from pathlib import Path

from benchmarks.small_versions import DIGEST, GATES
from caregate.clock import system_clock
from caregate.home import make_home
from caregate.settings import Settings, load_settings
from crm.deidentify import deidentify
from crm.snapshot import Snapshot, publish
from crm.sources.synthetic import SyntheticSource
from governance.client_keys import ClientKeys
from governance.database import ledger_database, open_database
from governance.ledger import Ledger
from governance.people import People, Role
from governance.vault import vault_of
from models.artifact import FittedModel
from models.features import feature_rows, labelled
from models.no_show import SPEC
from models.training import fit
from registry.candidate import Candidate
from registry.connection import prepare_database
from registry.judged import record_judged
from registry.promotion import promote
from registry.registering import Registered, register
from registry.server.signing import SigningDesk
from registry.versions import read_version
from validation.gates.result import Verdict

ENGINEER, REVIEWER, CLIENT = "engineer", "reviewer", "benchmark"
UNHURRIED = 1e8
"""Instances a second that the benchmark's key may ask for."""


@dataclass(frozen=True)
class ScoringHome:
    """The home, its snapshot, the model of each version, and a key that may ask."""

    settings: Settings
    snapshot: Snapshot
    models: dict[int, FittedModel]
    key: str


def scoring_home(folder: Path, *, rows: int, versions: int, port_base: int) -> ScoringHome:
    """Make a home in `folder` with `rows` appointments, and promote `versions` versions, one after the other."""
    settings = load_settings(home=folder / "home", port_base=port_base)
    make_home(settings)
    prepare_database(settings)
    engine = ledger_database(settings)
    vault = vault_of(settings)
    raw = SyntheticSource(rows, encounters=0).read()
    snapshot = publish(settings.snapshots_dir, deidentify(raw, vault, owner=ENGINEER), clock=system_clock)
    models: dict[int, FittedModel] = {}
    before = ""
    for number in range(versions):
        registered, model = _promoted(settings, snapshot, folder / f"version-{number}", number, before)
        models[registered.version], before = model, registered.digest
    people = People(engine)
    people.add(CLIENT, Role.CRM, by=ENGINEER, service=True)
    key = ClientKeys(engine).issue(CLIENT, by=ENGINEER, rate_per_second=UNHURRIED)
    return ScoringHome(settings, snapshot, models, key)


def _promoted(
    settings: Settings, snapshot: Snapshot, folder: Path, number: int, compared_with: str
) -> tuple[Registered, FittedModel]:
    files = {name: snapshot.path(name) for name in ("patients", "appointments")}
    table = feature_rows(SPEC, files, threads=2, memory_limit_gb=1, spill=folder.parent)
    spec = replace(SPEC, hyperparameters={**SPEC.hyperparameters, "seed": number})
    model = fit(spec, labelled(table), seed=number, threads=2)
    model.save(folder)
    _write_gates(folder)
    candidate = Candidate(
        model=SPEC.name,
        author=ENGINEER,
        run_key=f"benchmark-{number}",
        folder=folder,
        metrics={"auc": 0.7},
        params={"rounds": str(SPEC.rounds)},
        gates=GATES,
        description="A version of real size for a benchmark.",
        risk_class=SPEC.risk_class,
        snapshot=DIGEST,
        policy=DIGEST,
        compared_with=compared_with,
    )
    engine = ledger_database(settings)
    record_judged(Ledger(engine), candidate)
    registered = register(settings, candidate)
    found = read_version(open_database(settings.registry_url), SPEC.name, registered.version)
    reviewer = People(engine).find(REVIEWER)
    if reviewer is None:
        raise SystemExit("the home has no reviewer")
    decision = SigningDesk(settings, engine, system_clock).take(reviewer, found, "approved")
    if not decision.allowed:
        raise SystemExit(decision.why)
    promote(settings, SPEC.name, registered.version)
    return registered, model


def _write_gates(folder: Path) -> None:
    gates = [
        {"gate": name, "verdict": verdict.value, "checks": [{"name": name, "verdict": verdict.value}]}
        for name, verdict in GATES.items()
    ]
    bounds = {
        "intercept": {"estimate": 0.0, "low": -0.05, "high": 0.05},
        "slope": {"estimate": 1.0, "low": 0.95, "high": 1.05},
        "prevalence": {"estimate": 0.2, "low": 0.19, "high": 0.21},
    }
    said = {"status": Verdict.CANNOT_TELL.value, "gates": gates, "waivers": [], "metrics": bounds}
    evidence = folder / "evidence"
    evidence.mkdir(exist_ok=True)
    (evidence / "gates.json").write_text(json.dumps(said), encoding="utf-8")
