"""The tags that a version is born with: everything that a reviewer and the promoter go by."""

from __future__ import annotations

from registry import names
from registry.candidate import Candidate


def version_tags(candidate: Candidate, digest: str) -> dict[str, str]:
    """Return the tags that a version is born with."""
    signatures = names.signatures_required(candidate.author, candidate.risk_class.value)
    fixed = {
        names.APPROVAL: "pending",
        names.GATE_STATUS: candidate.gate_status.value,
        names.AUTHOR: candidate.author,
        names.DIGEST: digest,
        names.SNAPSHOT: candidate.snapshot,
        names.POLICY: candidate.policy,
        names.RUN_KEY: candidate.run_key,
        names.RISK_CLASS: candidate.risk_class.value,
        names.SIGNATURES: str(signatures),
    }
    if candidate.recipe:
        fixed[names.RECIPE] = candidate.recipe
    if candidate.valid_until:
        fixed[names.VALID_UNTIL] = candidate.last_day
    return fixed | {f"{names.GATE}{gate}": verdict.value for gate, verdict in candidate.gates.items()}
