"""The `train` flow: features, fit, gates and evidence, registration; it ends where a person has to sign."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from prefect import flow, task
from prefect.artifacts import create_link_artifact, create_table_artifact
from prefect.cache_policies import NO_CACHE
from pydantic import AfterValidator, BaseModel, Field

from caregate.settings import Settings, load_settings
from flows.acting import starter
from flows.progress import ShownProgress, tell
from governance.database import ledger_database, open_database
from models.catalogue import SPECS, spec_of
from registry.candidate import Candidate
from registry.names import APPROVAL, signatures_required
from registry.stages import DEFAULT_SEED, Job, check_content, fit_model, judge_run, make_features, open_job
from registry.tickets import Run, redeem_ticket
from registry.versions import read_version
from validation.gates.result import Verdict

if TYPE_CHECKING:
    from registry.registering import Registered

ModelName = Annotated[str, AfterValidator(lambda name: spec_of(name).name), Field(json_schema_extra={"enum": [*SPECS]})]


class Trained(BaseModel):
    """How a run ended.

    Attributes
    ----------
    model, run_key, snapshot
        What was run.
    gates
        Each gate's verdict, and `status`, the worst of them.
    version, digest
        Of the registered version; None where a gate failed.
    report
        Where the evidence report lies.
    page
        The evidence in MLflow's UI, as a path; None where a gate failed.
    state
        What the reviewers said of the version so far: ``pending`` of a new one; None where a gate failed.
    signatures
        How many have to sign; two include a clinical reviewer.
    """

    model: str
    run_key: str
    snapshot: str
    gates: dict[str, Verdict]
    status: Verdict
    version: int | None
    digest: str | None
    report: str
    page: str | None
    state: str | None = None
    signatures: int = 0


@task(cache_policy=NO_CACHE, retries=1)
def validate(job: Job) -> str:
    """Hold the snapshot's content against its suite."""
    tell("checking the data")
    return check_content(job)


@task(cache_policy=NO_CACHE, retries=1)
def build_features(job: Job) -> int:
    """Build the feature table."""
    tell("building features")
    return make_features(job)


@task(cache_policy=NO_CACHE, retries=1)
def fit(job: Job) -> int:
    """Fit the model."""
    tell("fitting the model")
    return fit_model(job)


@task(cache_policy=NO_CACHE)
def judge(job: Job) -> Candidate:
    """Put the model through its gates and write the evidence."""
    tell("judging it and writing the evidence")
    return judge_run(job)


@task(cache_policy=NO_CACHE, retries=2, retry_delay_seconds=5)
def register(settings: Settings, candidate: Candidate) -> Trained:
    """Register what passed as a version that awaits its sign-off; keep the run of what failed."""
    from registry.registering import log_run_only
    from registry.registering import register as register_candidate

    tell("registering")
    status = candidate.gate_status
    registered = None
    if status is Verdict.FAILED:
        log_run_only(settings, candidate)
    else:
        registered = register_candidate(settings, candidate)
    return Trained(
        model=candidate.model,
        run_key=candidate.run_key,
        snapshot=candidate.snapshot,
        gates=dict(candidate.gates),
        status=status,
        version=registered.version if registered else None,
        digest=registered.digest if registered else None,
        report=str(candidate.folder / "evidence" / "report.html"),
        page=f"/#/experiments/{registered.experiment_id}/models/{registered.model_id}/artifacts"
        if registered
        else None,
        state=_state(settings, registered) if registered else None,
        signatures=signatures_required(candidate.author, candidate.risk_class.value),
    )


@flow(name="train", validate_parameters=True, persist_result=False)
def train(
    model: ModelName, snapshot: str | None = None, ticket: str | None = None, seed: int = DEFAULT_SEED
) -> Trained:
    """Train, judge and register one model.

    Parameters
    ----------
    model
        Which one.
    snapshot
        Digest of the data, or its first eight digits or more; by default the newest that holds the model's table.
    ticket
        Says whose run this is, who may not sign it; `caregate run MODEL --queue` makes it. A run that is started in
        Prefect without one has an unproven author, and takes two signatures.
    seed
        Of split and fit.
    """
    settings = load_settings()
    ledger_database(settings)
    author = redeem_ticket(settings, ticket, Run(model, snapshot or "", seed)) if ticket is not None else starter()
    job = open_job(settings, model, snapshot=snapshot, author=author.name, seed=seed)
    shown = ShownProgress(f"train-{model}-progress", steps=5)
    for stage in (validate, build_features, fit):
        stage(job)
        shown.step_done()
    candidate = judge(job)
    shown.step_done()
    trained = register(settings, candidate)
    shown.step_done()
    _show(settings, trained)
    return trained


def _state(settings: Settings, version: Registered) -> str:
    tags = read_version(open_database(settings.registry_url), version.model, version.version).tags
    return tags[APPROVAL].partition(":")[0]


def _show(settings: Settings, trained: Trained) -> None:
    from registry.address import running_stack

    rows = [{"gate": name, "verdict": verdict.value} for name, verdict in trained.gates.items()]
    create_table_artifact(rows, key=f"gates-{trained.model}", description=f"Gates of run `{trained.run_key}`")
    if trained.version is None:
        return
    stack = running_stack(settings)
    mlflow = stack.mlflow if stack else f"http://127.0.0.1:{settings.port_base}"
    text = f"{trained.model} version {trained.version}: brief and sign-off"
    version = f"{mlflow}/#/models/{trained.model}/versions/{trained.version}"
    create_link_artifact(version, link_text=text, key=f"version-{trained.model}", description=text)
    create_link_artifact(
        f"{mlflow}{trained.page}",
        link_text="evidence/report.html",
        key=f"evidence-{trained.model}",
        description="Evidence",
    )
