"""Registering a candidate: one MLflow run, one logged model, one version, however often the run is killed.

What is found under the run's key is taken up again; what was left half-written is dropped and written anew. The version
comes last and with all its tags at once, so there is never one without its gates.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from mlflow.entities import (
    LoggedModelOutput,
    LoggedModelStatus,
    LoggedModelTag,
    Metric,
    Param,
    RunStatus,
    RunTag,
    ViewType,
)
from mlflow.entities.model_registry import ModelVersionTag
from mlflow.exceptions import MlflowException
from mlflow.protos.databricks_pb2 import RESOURCE_ALREADY_EXISTS, ErrorCode
from mlflow.utils.mlflow_tags import MLFLOW_MODEL_VERSIONS

from caregate.clock import Clock, system_clock
from caregate.errors import Refused
from caregate.settings import Settings
from crm.atomic_folder import only_writer
from governance.database import ledger_database
from governance.ledger import Ledger
from registry import names
from registry.agreement import require_agreement
from registry.approvals import VersionKey
from registry.birth_tags import version_tags
from registry.candidate import Candidate
from registry.connection import Registry, open_registry
from registry.digest import VersionManifest, write_manifest
from registry.judged import NotJudged, manifest_of, was_judged
from registry.pages import linked, report_page
from registry.registrations import Registration, registration_of
from validation.gates.result import Verdict

DESCRIPTION_LIMIT = 5000
"""What MLflow's table of versions holds of a description."""
CUT = "\n\n*The brief is longer than this page holds: read on in `evidence/report.html`.*"


class GateFailed(Refused):
    """A candidate with a failed gate is never registered."""

    def __init__(self, candidate: Candidate) -> None:
        failed = ", ".join(name for name, verdict in candidate.gates.items() if verdict is Verdict.FAILED)
        super().__init__(f"{candidate.model} is not registered: gate failed: {failed}; its run is kept")


@dataclass(frozen=True, slots=True)
class Registered:
    """A version as it was registered.

    Attributes
    ----------
    model, version
        Its name and number.
    digest
        ``sha256:…`` of its content: what will be signed.
    run_id, model_id, experiment_id
        MLflow's run, logged model and experiment.
    """

    model: str
    version: int
    digest: str
    run_id: str
    model_id: str
    experiment_id: str


def register(settings: Settings, candidate: Candidate, *, clock: Clock = system_clock) -> Registered:
    """Register `candidate` as a version that awaits its sign-off.

    Raises
    ------
    GateFailed
        If one of its gates failed.
    EvidenceDiffers
        If its evidence says something else than it does.
    NotJudged
        If it is not what went through the gates.
    RegistryRefused
        If the registry's rules forbid it.
    """
    if candidate.gate_status is Verdict.FAILED:
        raise GateFailed(candidate)
    require_agreement(candidate)
    manifest = manifest_of(candidate)
    _require_judged(settings, manifest, candidate.run_key)
    write_manifest(candidate.folder, manifest)
    digest = manifest.digest
    with _one_at_a_time(settings), open_registry(settings, account=names.PIPELINE) as registry:
        for found in _versions_of(registry, candidate):
            known = _registration(settings, found)
            if known is not None and known.digest == digest:
                return _registered(found, _experiment_of(registry, candidate.model))
            if known is None and found.tags[names.DIGEST] == digest:  # killed before the ledger's line was written
                return _create_version(registry, candidate, digest, found.run_id, _model_id(found))
        _ensure_model(registry, candidate)
        run_id = _log_run(registry, candidate, clock)
        model_id = _log_model(registry, candidate, run_id)
        registry.tracking.update_run_info(run_id, RunStatus.FINISHED, _milliseconds(clock), None)
        return _create_version(registry, candidate, digest, run_id, model_id)


def _require_judged(settings: Settings, manifest: VersionManifest, run_key: str) -> None:
    if not was_judged(Ledger(ledger_database(settings)), manifest, run_key):
        raise NotJudged(manifest.model)


def log_run_only(settings: Settings, candidate: Candidate, *, clock: Clock = system_clock) -> str:
    """Keep the run of a candidate that is not registered, with its evidence, and return MLflow's run id."""
    with _one_at_a_time(settings), open_registry(settings, account=names.PIPELINE) as registry:
        run_id = _log_run(registry, candidate, clock)
        registry.upload(candidate.folder, registry.tracking.get_run(run_id).info.artifact_uri)
        registry.tracking.update_run_info(run_id, RunStatus.FINISHED, _milliseconds(clock), None)
    return run_id


@contextmanager
def _one_at_a_time(settings: Settings) -> Iterator[None]:
    """Keep two processes of one run from dropping each other's half-written model."""
    settings.mlflow_dir.mkdir(parents=True, exist_ok=True)
    with only_writer(settings.mlflow_dir, "registering.lock"):
        yield


def _milliseconds(clock: Clock) -> int:
    return int(clock().timestamp() * 1000)


def _versions_of(registry: Registry, candidate: Candidate) -> list[Any]:
    where = f"name = '{candidate.model}' and tags.`{names.RUN_KEY}` = '{candidate.run_key}'"
    return list(registry.models.search_model_versions(where))


def _registration(settings: Settings, version: Any) -> Registration | None:
    key = VersionKey(version.name, int(version.version), version.creation_timestamp)
    return registration_of(Ledger(ledger_database(settings)), key)


def _registered(version: Any, experiment: str) -> Registered:
    digest = version.tags[names.DIGEST]
    return Registered(version.name, int(version.version), digest, version.run_id, _model_id(version), experiment)


def _model_id(version: Any) -> str:
    return str(version.model_id or version.source.removeprefix("models:/"))


def _ensure_model(registry: Registry, candidate: Candidate) -> None:
    try:
        registry.models.get_registered_model(candidate.model)
    except MlflowException:
        try:
            registry.models.create_registered_model(candidate.model)
        except MlflowException as error:
            if error.error_code != ErrorCode.Name(RESOURCE_ALREADY_EXISTS):
                raise


def _experiment_of(registry: Registry, model: str) -> str:
    found = registry.tracking.get_experiment_by_name(model)
    if found is not None:
        return str(found.experiment_id)
    return str(registry.tracking.create_experiment(model, None, []))


def _log_run(registry: Registry, candidate: Candidate, clock: Clock) -> str:
    experiment = _experiment_of(registry, candidate.model)
    where = f"tags.`{names.RUN_KEY}` = '{candidate.run_key}'"
    found = registry.tracking.search_runs([experiment], where, ViewType.ACTIVE_ONLY, max_results=1)
    run = found[0] if found else _start_run(registry, candidate, experiment, clock)
    moment = run.info.start_time  # one moment for all: logged twice, a metric is still one point
    metrics = [Metric(key, value, moment, 0) for key, value in candidate.metrics.items() if math.isfinite(value)]
    params = [Param(key, str(value)) for key, value in candidate.params.items()]
    registry.tracking.log_batch(run.info.run_id, metrics, params, [])
    return str(run.info.run_id)


def _start_run(registry: Registry, candidate: Candidate, experiment: str, clock: Clock) -> Any:
    gates = {f"{names.GATE}{gate}": verdict.value for gate, verdict in candidate.gates.items()}
    said = {
        names.RUN_KEY: candidate.run_key,
        names.AUTHOR: candidate.author,
        names.SNAPSHOT: candidate.snapshot,
        names.POLICY: candidate.policy,
        names.GATE_STATUS: candidate.gate_status.value,
        "mlflow.note.content": _fitting(candidate.description),
    }
    tags = [RunTag(key, value) for key, value in (said | gates).items()]
    return registry.tracking.create_run(experiment, candidate.author, _milliseconds(clock), tags, candidate.run_key)


def _log_model(registry: Registry, candidate: Candidate, run_id: str) -> str:
    experiment = _experiment_of(registry, candidate.model)
    where = f"tags.`{names.RUN_KEY}` = '{candidate.run_key}'"
    for left in registry.tracking.search_logged_models([experiment], where):
        registry.tracking.delete_logged_model(left.model_id)
    tags = [LoggedModelTag(names.RUN_KEY, candidate.run_key)]
    model = registry.tracking.create_logged_model(experiment, candidate.model, run_id, tags)
    _put_files(registry, candidate, model.artifact_location)
    registry.tracking.finalize_logged_model(model.model_id, LoggedModelStatus.READY)
    registry.tracking.log_outputs(run_id, [LoggedModelOutput(model.model_id, 0)])
    return str(model.model_id)


def _put_files(registry: Registry, candidate: Candidate, location: str) -> None:
    registry.upload(candidate.folder, location)


def _create_version(registry: Registry, candidate: Candidate, digest: str, run_id: str, model_id: str) -> Registered:
    tags = version_tags(candidate, digest)
    experiment = _experiment_of(registry, candidate.model)
    version = registry.models.create_model_version(
        candidate.model,
        f"models:/{model_id}",
        run_id,
        [ModelVersionTag(key, value) for key, value in tags.items()],
        description=_fitting(candidate.description, report_page(experiment, run_id)),
        model_id=model_id,
    )
    registered = _registered(version, experiment)
    if MLFLOW_MODEL_VERSIONS not in registry.tracking.get_logged_model(model_id).tags:  # the server sets it by itself
        registry.tracking.set_model_versions_tags(registered.model, registered.version, model_id)
    return registered


def _fitting(brief: str, report: str = "") -> str:
    cut = CUT
    if report:
        brief, cut = linked(brief, report), linked(CUT, report)
    if len(brief) <= DESCRIPTION_LIMIT:
        return brief
    kept = brief[: DESCRIPTION_LIMIT - len(cut)].rpartition("\n")[0]
    return kept + cut
