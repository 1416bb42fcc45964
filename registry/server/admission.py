"""Whether a folder's files may become a version under the tags that it is to be born with."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from governance.ledger import Ledger
from registry import names
from registry.agreement import disagreement
from registry.digest import VersionManifest, verified_manifest
from registry.judged import was_judged
from validation.gates.result import Verdict, overall

STALE = "the files do not match what is being registered"
UNJUDGED = "the ledger knows no gates that these files went through"
NOT_THE_WORST = "the verdict in all is not the worst of its gates"


def objection(ledger: Ledger, folder: Path, model: str, tags: Mapping[str, str]) -> str:
    """Return why the files in `folder` may not become a version of `model` with these tags; empty where they may.

    Raises
    ------
    registry.digest.DigestMismatch
        If they are not what their own manifest says.
    """
    manifest = verified_manifest(folder)
    why = _differs(manifest, model, tags) or _not_judged(ledger, manifest, tags) or _gates(folder, manifest, tags)
    return f"{why}: run the model again" if why else ""


def _differs(manifest: VersionManifest, model: str, tags: Mapping[str, str]) -> str:
    said = (model, tags[names.AUTHOR], tags[names.RISK_CLASS], tags[names.SNAPSHOT], tags[names.POLICY])
    found = (manifest.model, manifest.author, manifest.risk_class, manifest.snapshot, manifest.policy)
    same = said == found and tags[names.DIGEST] == manifest.digest
    return "" if same and tags[names.SIGNATURES] == str(manifest.signatures) else STALE


def _not_judged(ledger: Ledger, manifest: VersionManifest, tags: Mapping[str, str]) -> str:
    return "" if was_judged(ledger, manifest, tags[names.RUN_KEY]) else UNJUDGED


def _gates(folder: Path, manifest: VersionManifest, tags: Mapping[str, str]) -> str:
    said = {key.removeprefix(names.GATE): verdict for key, verdict in tags.items() if key.startswith(names.GATE)}
    status = said.pop(names.GATE_STATUS.removeprefix(names.GATE), "")
    if status != overall([verdict for verdict in Verdict if verdict in said.values()]):
        return NOT_THE_WORST
    return disagreement(folder, said, manifest.valid_until)
