"""The `ingest` flow: a source's rows are read, de-identified, held against their contracts and published."""

from __future__ import annotations

from typing import Literal

from prefect import flow, task
from prefect.artifacts import create_markdown_artifact, create_table_artifact
from prefect.cache_policies import NO_CACHE

from caregate.clock import system_clock
from caregate.settings import Settings, load_settings
from crm.deidentify import deidentify
from crm.snapshot import Snapshot, publish
from crm.source import Draft, RawTables
from flows.acting import reachable, starter
from flows.progress import ShownProgress, tell
from flows.reading import take_source
from governance.database import ledger_database
from governance.ledger import Ledger
from governance.vault import vault_of
from validation.contracts.check import check_all
from validation.suites.on_snapshot import PAGE, check_snapshot, read_result, suites_for
from validation.suites.raw import keep_raw_findings

SourceName = Literal["synthetic", "csv", "parquet", "noshow-kaggle", "diabetes-130"]


@task(cache_policy=NO_CACHE, retries=2, retry_delay_seconds=5)
def read(source: str, location: str | None, options: dict[str, int]) -> RawTables:
    """Read and map the source; nothing is written."""
    tell(f"reading {source}")
    return take_source(source, location, options)


@task(cache_policy=NO_CACHE)
def exchange(settings: Settings, raw: RawTables, owner: str) -> Draft:
    """Put tokens in the place of identifiers and hold the tables against their contracts."""
    tell("exchanging identifiers for tokens")
    vault = vault_of(settings)
    draft = deidentify(raw, vault, owner=owner)
    tell("checking contracts")
    check_all(draft.tables)
    return draft


@task(cache_policy=NO_CACHE, retries=2, retry_delay_seconds=5)
def publish_snapshot(settings: Settings, draft: Draft, actor: str) -> Snapshot:
    """Write the snapshot and the ledger's line."""
    tell("publishing the snapshot")
    snapshot = publish(settings.snapshots_dir, draft, clock=system_clock)
    manifest = snapshot.manifest
    ledger = Ledger(ledger_database(settings))
    facts = {"source": manifest.source, "basis": manifest.basis, "owner": manifest.owner}
    ledger.append_once(actor, "snapshot.publish", f"snapshot/{manifest.source}", digest=manifest.digest, **facts)
    return snapshot


@task(cache_policy=NO_CACHE, retries=1)
def check_content(settings: Settings, snapshot: Snapshot, raw: RawTables) -> dict[str, str]:
    """Hold file and tables against the suites; what they find is evidence for the reviewer and stops nothing here."""
    tell("checking content")
    keep_raw_findings(settings.quality_dir, snapshot, raw)
    verdicts = {}
    for table in suites_for(snapshot):
        folder = check_snapshot(settings.quality_dir, snapshot, table)
        verdicts[table] = read_result(folder).verdict.value
        create_markdown_artifact(f"`{table}`: {verdicts[table]}; the page is `{folder / PAGE}`", key=f"quality-{table}")
    return verdicts


@flow(name="ingest", validate_parameters=True, persist_result=False)
def ingest(
    source: SourceName,
    location: str | None = None,
    owner: str | None = None,
    rows: int | None = None,
    seed: int | None = None,
) -> str:
    """Ingest one source and return the snapshot's digest.

    Parameters
    ----------
    source
        Kind of the source.
    location
        Its file or folder; none for generated data. In Prefect, a path under the home's `exchange/`.
    owner
        Who answers for the data; by default the acting user.
    rows, seed
        Of generated data.
    """
    settings = load_settings()
    ledger_database(settings)
    options = {name: value for name, value in (("rows", rows), ("seed", seed)) if value is not None}
    shown = ShownProgress(f"ingest-{source}-progress", steps=4)
    raw = read(source, reachable(settings, location) if location else None, options)
    shown.step_done()
    draft = exchange(settings, raw, owner or starter().by)
    shown.step_done()
    snapshot = publish_snapshot(settings, draft, starter().by)
    shown.step_done()
    check_content(settings, snapshot, raw)
    shown.step_done()
    _show(snapshot)
    return snapshot.manifest.digest


def _show(snapshot: Snapshot) -> None:
    manifest = snapshot.manifest
    counts = [{"what": f"rows of {name}", "count": rows} for name, rows in manifest.tables.items() if rows]
    counts += [{"what": f"quarantined: {rule}", "count": rows} for rule, rows in manifest.quarantined.items()]
    counts += [{"what": f"released: {rule}", "count": rows} for rule, rows in manifest.released.items()]
    counts += [{"what": f"repaired: {rule}", "count": rows} for rule, rows in manifest.repaired.items()]
    create_table_artifact(counts, key=f"snapshot-{manifest.source}", description=f"Snapshot `{manifest.digest}`")
