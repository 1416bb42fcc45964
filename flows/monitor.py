"""The `monitor` flow: the champion against the rows that came in since it was trained."""

from __future__ import annotations

import json

import pyarrow as pa
from prefect import flow, task
from prefect.artifacts import create_table_artifact
from prefect.cache_policies import NO_CACHE

from caregate.settings import Settings, load_settings
from crm.snapshot import Snapshot, latest, open_snapshot
from flows.acting import starter
from flows.progress import tell
from flows.train import ModelName
from governance.database import ledger_database
from governance.ledger import Ledger
from governance.outcomes import known_outcomes
from governance.reviews import last_reviews
from models.artifact import load_model
from models.catalogue import spec_of
from models.features import feature_rows, labelled
from models.spec import ModelSpec
from monitoring.agreement import agreement, judge_agreement
from monitoring.finding import Finding
from monitoring.late_labels import with_outcomes
from monitoring.policy import load_monitoring_policy
from monitoring.report import Look, NothingNew, compare, judge, new_rows
from registry.champion import Champion, champion_of
from registry.judging import scored_rows


@task(cache_policy=NO_CACHE, retries=1)
def look(settings: Settings, model: str) -> Look:
    """Compare the newest snapshot with the one that the champion was trained on."""
    tell(f"looking at {model}")
    spec, policy = spec_of(model), load_monitoring_policy()
    champion = champion_of(settings, model)
    trained_on = open_snapshot(settings.snapshots_dir, champion.manifest.snapshot)
    trained = _rows(settings, spec, trained_on)
    late = new_rows(trained, _rows(settings, spec, latest(settings.snapshots_dir, spec.table)))
    reviews = last_reviews(ledger_database(settings), model)
    if late.num_rows == 0 and not reviews:
        raise NothingNew(model)
    findings = _of_rows(settings, spec, champion, trained, late) if late.num_rows else []
    of_it = agreement(model, [item for item in reviews if item.version == champion.version], policy.agreement)
    findings += judge_agreement(of_it, policy.agreement)
    told = agreement(model, reviews, policy.agreement)
    return Look(model, champion.version, late.num_rows, tuple(findings), told)


def _of_rows(
    settings: Settings, spec: ModelSpec, champion: Champion, trained: pa.Table, late: pa.Table
) -> list[Finding]:
    """Return what the rows that came in since show, by outcomes of the snapshot and by those reported before it."""
    fitted, policy = load_model(champion.folder), load_monitoring_policy()
    known = labelled(with_outcomes(late, known_outcomes(ledger_database(settings), spec.name)))
    findings = compare(fitted, trained, late, policy)
    return findings + judge(scored_rows(spec, known, fitted.predict(known)), _approved_auc(champion), policy)


@task(cache_policy=NO_CACHE)
def write_down(settings: Settings, seen: Look) -> None:
    """Leave a line in the ledger and a table in Prefect."""
    ledger = Ledger(ledger_database(settings))
    alarms = {finding.name: finding.alarm.value for finding in seen.findings if finding.alarm != "ok"}
    subject = f"{seen.model}/{seen.version}"
    ledger.append(starter().by, "model.monitor", subject, alarm=seen.alarm.value, rows=seen.rows, alarms=alarms)
    rows = [{"what": item.name, "alarm": item.alarm.value, "found": item.reason} for item in seen.findings]
    create_table_artifact(rows, key=f"monitor-{seen.model}", description=f"{subject}: {seen.alarm.value}")


@flow(name="monitor", validate_parameters=True, persist_result=False)
def monitor(model: ModelName) -> Look:
    """Look at a champion in use.

    Parameters
    ----------
    model
        Whose champion.
    """
    settings = load_settings()
    seen = look(settings, model)
    write_down(settings, seen)
    return seen


def _rows(settings: Settings, spec: ModelSpec, snapshot: Snapshot) -> pa.Table:
    snapshot.verify()
    files = {name: snapshot.path(name) for name in ("patients", spec.table)}
    spill = settings.runs_dir / "spill"
    threads, memory = settings.threads, settings.memory_limit_gb
    return feature_rows(spec, files, threads=threads, memory_limit_gb=memory, spill=spill)


def _approved_auc(champion: Champion) -> float:
    gates = json.loads((champion.folder / "evidence" / "gates.json").read_text(encoding="utf-8"))
    return float(gates["metrics"]["auc"]["estimate"])
