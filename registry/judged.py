"""What each stage of a run wrote, as the ledger knows it: nothing that was changed since is built on or registered.

A stage's line holds the digest of its folder, the run's line that of the files which went through the gates. Whoever
has the pipeline's password, but not the home's key, registers nothing that the gates did not see.
"""

from __future__ import annotations

from pathlib import Path

from caregate.errors import CaregateError, Refused
from governance.ledger import Ledger, digest_of
from registry.candidate import Candidate
from registry.digest import MANIFEST, VersionManifest, hash_files

WRITTEN, JUDGED = "stage.write", "run.judge"
"""Acts of the ledger: a stage's folder is complete, and files went through the gates."""


class StageChanged(CaregateError):
    """A stage's folder is not as it was written."""

    exit_code = 1

    def __init__(self, folder: Path) -> None:
        super().__init__(
            f"{folder} is not what the run wrote, or the ledger knows nothing of it: remove it and run the model again"
        )


class NotJudged(Refused):
    """Files that did not go through the gates."""

    def __init__(self, model: str) -> None:
        super().__init__(f"{model} is not registered: the ledger knows no gates that these files went through")


def run_subject(model: str, run_key: str) -> str:
    """Return a run as the ledger names it."""
    return f"{model}/run/{run_key}"


def seal_stage(ledger: Ledger, subject: str, folder: Path, name: str, *, by: str) -> None:
    """Write down what stage `name` of a run wrote into `folder`, before the folder takes its place."""
    ledger.append(by, WRITTEN, f"{subject}/{name}", digest=_content(folder))


def require_sealed(ledger: Ledger, subject: str, folder: Path) -> None:
    """Refuse a stage's folder that is not as it was written.

    Raises
    ------
    StageChanged
        If it is not.
    """
    last = next(ledger.sealed(WRITTEN, subject=f"{subject}/{folder.name}", newest_first=True), None)
    if last is None or last.digest != _content(folder):
        raise StageChanged(folder)


def manifest_of(candidate: Candidate) -> VersionManifest:
    """Return what a version of the candidate is made of, its files hashed now."""
    return VersionManifest(
        model=candidate.model,
        author=candidate.author,
        risk_class=candidate.risk_class.value,
        snapshot=candidate.snapshot,
        policy=candidate.policy,
        files=hash_files(candidate.folder),
        compared_with=candidate.compared_with,
        valid_until=candidate.last_day,
    )


def record_judged(ledger: Ledger, candidate: Candidate) -> None:
    """Write down what went through the gates, by the digest of the version that it may become, and what these said.

    The digest covers what the files alone do not say: how many have to sign, and what the run was compared with.
    """
    ledger.append_once(
        candidate.author,
        JUDGED,
        run_subject(candidate.model, candidate.run_key),
        digest=manifest_of(candidate).digest,
        gates={name: verdict.value for name, verdict in candidate.gates.items()},
        snapshot=candidate.snapshot,
        policy=candidate.policy,
    )


def was_judged(ledger: Ledger, manifest: VersionManifest, run_key: str) -> bool:
    """Tell whether the run `run_key` of the manifest's author put this very version through the gates."""
    lines = ledger.sealed(JUDGED, subject=run_subject(manifest.model, run_key))
    return any(act.digest == manifest.digest and act.actor == manifest.author for act in lines)


def _content(folder: Path) -> str:
    """Return the digest of a stage's folder; the manifest is added to it when it is registered, and names the rest."""
    return digest_of({path: found for path, found in hash_files(folder).items() if Path(path).name != MANIFEST})
