"""The serving gate, once more: on the approved copy itself, before it comes into use.

The gate's first run was on the files that training wrote. What is served is a copy of a copy: it has to load in a
clean process and give the scores that its own files give here, on inputs that no patient stands behind. The proof is a
line in the ledger by the copy's digest: made while a reviewer still reads, it keeps no signature waiting.
"""

from __future__ import annotations

from pathlib import Path

from caregate.clock import Clock
from caregate.errors import Refused
from caregate.settings import Settings
from crm.atomic_folder import only_writer
from governance.database import ledger_database
from governance.ledger import Ledger
from models.artifact import load_model
from registry import names
from registry.approvals import VersionKey
from registry.digest import VersionManifest
from validation.gates.result import GateResult, Verdict
from validation.gates.serving import judge_served
from validation.policy import load_policy
from validation.probes.reference_inputs import reference_inputs
from validation.probes.serving import serve_check

PROVEN, UNPROVEN = "version.prove", "version.disprove"
"""Acts of the ledger: an approved copy went through the serving gate, or did not."""
ROWS, SEED = 500, 0


class NotServable(Refused):
    """The approved copy does not go through the serving gate."""

    def __init__(self, subject: str, result: GateResult) -> None:
        said = "; ".join(check.reason for check in result.checks if check.verdict is not Verdict.PASSED)
        super().__init__(f"{subject} is not promoted: its approved copy fails the serving gate: {said}")


def require_proof(settings: Settings, key: VersionKey, folder: Path, manifest: VersionManifest, clock: Clock) -> None:
    """Put the copy in `folder` through the serving gate, unless these very bytes went through it before.

    Raises
    ------
    NotServable
        If it fails.
    """
    ledger = Ledger(ledger_database(settings), clock)
    with only_writer(settings.approved_dir, ".proving.lock"):  # who comes second finds the proof
        if any(act.digest == manifest.digest for act in ledger.sealed(PROVEN, subject=key.subject)):
            return
        result = _judge(folder, manifest.model)
        verdict = PROVEN if result.verdict is Verdict.PASSED else UNPROVEN
        checks = {check.name: check.verdict.value for check in result.checks}
        ledger.append_once(names.PROMOTER, verdict, key.subject, digest=manifest.digest, checks=checks)
    if verdict == UNPROVEN:
        raise NotServable(key.subject, result)


def _judge(folder: Path, model: str) -> GateResult:
    loaded = load_model(folder)
    inputs = reference_inputs(loaded, seed=SEED, rows=ROWS)
    served = serve_check(folder, inputs, loaded.predict_encoded(inputs), columns=loaded.columns)
    return judge_served(served, load_policy(model))
