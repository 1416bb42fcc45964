"""The stages of a run, each a folder that appears whole: killed at any step and started again, a run goes on.

A run's workspace is named by its key, which holds everything that its result depends on. A stage that stands there is
never done twice.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import polars as pl
import pyarrow as pa
from pyarrow import feather

import models
import registry
import validation
from caregate.clock import Clock, system_clock
from caregate.settings import Settings
from crm.atomic_folder import write_whole
from crm.snapshot import Snapshot, latest, open_snapshot
from governance.consents import Consents
from governance.database import ledger_database
from governance.ledger import Ledger, digest_of
from models.artifact import load_model
from models.catalogue import spec_of
from models.consent import TRAIN
from models.features import feature_rows, labelled
from models.run_key import code_digest, run_key
from models.splitting import split
from models.training import fit
from registry.candidate import Candidate, read_candidate, write_candidate
from registry.incumbent import Incumbent, incumbent_of
from registry.judged import record_judged, require_sealed, run_subject, seal_stage
from registry.judging import Run, judge_model
from registry.standing_consents import FILE, StandingConsents, standing_consents
from validation.contracts.features import check_features
from validation.policy import load_policy
from validation.suites.on_snapshot import check_snapshot, quality_folder, read_result
from validation.waivers import in_force

CONSENTS, FEATURES, MODEL, STAGE_OF_GATES = "consents", "features", "model", "judged"
ROWS, CANDIDATE, FILES = "rows.arrow", "candidate.json", "files"
DEFAULT_SEED = 0
TABLES_OF_PEOPLE = ("patients", "consents")
"""Canonical tables that a feature table may read beside the model's own."""


@dataclass(frozen=True)
class Job:
    """A run on its snapshot, in its workspace; `said` is what patients said since the snapshot, where it counts."""

    run: Run
    snapshot: Snapshot
    workspace: Path
    settings: Settings
    said: StandingConsents | None = None

    @property
    def ledger(self) -> Ledger:
        """The home's ledger."""
        return Ledger(ledger_database(self.settings))

    @property
    def subject(self) -> str:
        """The run as the ledger names it."""
        return run_subject(self.run.spec.name, self.run.key)


def open_job(
    settings: Settings,
    model: str,
    *,
    snapshot: str | None,
    author: str,
    seed: int = DEFAULT_SEED,
    clock: Clock = system_clock,
) -> Job:
    """Return the job that trains `model` on `snapshot`, by default the newest that holds its table.

    Raises
    ------
    UnknownModel, SnapshotNotFound, SnapshotChanged
        If it cannot be run.
    """
    spec, policy, author = spec_of(model), load_policy(model), author.strip().casefold()
    root = settings.snapshots_dir
    data = open_snapshot(root, snapshot) if snapshot else latest(root, spec.table)
    data.verify()
    digest = data.manifest.digest
    code = code_digest(tuple(Path(str(room.__file__)).parent for room in (models, validation, registry)))
    today = clock().date()
    asked = {
        "policy": policy.digest,
        "waivers": [f"{waiver.gate}/{waiver.check}" for waiver in in_force(policy, today)],
    }
    said = standing_consents(data, spec.table, Consents(ledger_database(settings)).last_words(TRAIN))
    rows = digest_of([digest, said.digest]) if said else digest
    recipe = run_key(spec, snapshot=rows, policy=digest_of(asked), seed=seed, author=author, code=code)
    incumbent = incumbent_of(settings, model, clock=clock)
    key = _key(recipe, incumbent)
    run = Run(
        spec=spec,
        policy=policy,
        snapshot=data.manifest,
        author=author,
        key=key,
        recipe=recipe,
        seed=seed,
        threads=settings.threads,
        quality=quality_folder(settings.quality_dir, data, spec.table),
        files={name: data.path(name) for name in (*TABLES_OF_PEOPLE, spec.table)}
        | ({"consents": settings.runs_dir / key / CONSENTS / FILE} if said else {}),
        incumbent=incumbent,
        today=today,
        consent_to=TRAIN if said or data.manifest.consent.get("asked") == "required" else None,
        left_out=said.left_out if said else 0,
    )
    return Job(run, data, settings.runs_dir / run.key, settings, said)


def _key(recipe: str, incumbent: Incumbent | None) -> str:
    """Name the run: what it is compared with is a part of it, unless that is the very model it would make."""
    if incumbent is None:
        return recipe
    if incumbent.recipe == recipe:
        return incumbent.run_key
    return digest_of([recipe, incumbent.digest]).removeprefix("sha256:")[:16]


def check_content(job: Job) -> str:
    """Hold the snapshot against its suite, unless that was done at ingest, and return the verdict."""
    check_snapshot(job.settings.quality_dir, job.snapshot, job.run.spec.table)
    return read_result(job.run.quality).verdict.value


def make_features(job: Job) -> int:
    """Build the feature table of the rows whose outcome is known, and return their number.

    Where the snapshot's patients have to be asked, only rows of those who consented to training are read. Rows of those
    who said no since are read nowhere.
    """
    _keep_consents(job)

    def fill(folder: Path) -> None:
        settings = job.settings
        rows = feature_rows(
            job.run.spec,
            job.run.files,
            threads=settings.threads,
            memory_limit_gb=settings.memory_limit_gb,
            spill=job.workspace / "spill",
            consent_to=job.run.consent_to,
        )
        check_features(job.run.spec, pl.DataFrame(rows))
        feather.write_feather(labelled(rows), folder / ROWS, compression="lz4")

    _write_stage(job, FEATURES, fill)
    return int(_rows(job).num_rows)


def fit_model(job: Job) -> int:
    """Fit the model on the training part, and return the number of rows that it learnt from."""
    rows = _rows(job)
    parts = split(rows, job.run.spec.split, seed=job.run.seed)

    def fill(folder: Path) -> None:
        train = rows.filter(pa.array(parts.train))
        fit(job.run.spec, train, seed=job.run.seed, threads=job.run.threads).save(folder)

    _write_stage(job, MODEL, fill)
    return int(parts.train.sum())


def judge_run(job: Job) -> Candidate:
    """Put the model through the gates, write its evidence and return the candidate."""
    fitted = _stage(job, MODEL)
    _keep_consents(job)

    def fill(folder: Path) -> None:
        files = folder / FILES
        files.mkdir()
        candidate = judge_model(job.run, load_model(fitted), _rows(job), fitted, files)
        write_candidate(candidate, folder / CANDIDATE)
        record_judged(job.ledger, candidate)

    judged = _write_stage(job, STAGE_OF_GATES, fill)
    return read_candidate(judged / CANDIDATE, judged / FILES)


def _keep_consents(job: Job) -> None:
    if job.said is not None:
        _write_stage(job, CONSENTS, job.said.write)


def _rows(job: Job) -> pa.Table:
    return feather.read_table(_stage(job, FEATURES) / ROWS)


def _write_stage(job: Job, name: str, fill: Callable[[Path], None]) -> Path:
    """Write a stage's folder and what it holds into the ledger, unless it stands; what stands has to be as written."""

    def fill_and_seal(folder: Path) -> None:
        fill(folder)
        seal_stage(job.ledger, job.subject, folder, name, by=job.run.author)

    write_whole(job.workspace, name, fill_and_seal)
    return _stage(job, name)


def _stage(job: Job, name: str) -> Path:
    folder = job.workspace / name
    require_sealed(job.ledger, job.subject, folder)
    return folder
