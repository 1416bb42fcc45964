"""Names that the registry keeps in MLflow: tags of a version, aliases, accounts."""

from __future__ import annotations

import re

APPROVAL = "approval"
"""The tag that a reviewer sets: the one gesture of a sign-off."""
APPROVED_BY, APPROVED_AT = "approval.by", "approval.at"
APPROVED_DIGEST, APPROVED_UNTIL = "approval.digest", "approval.expires"

GATE_STATUS = "gate.status"
GATE = "gate."
AUTHOR, DIGEST, SNAPSHOT, POLICY = "author", "digest", "snapshot", "policy"
RUN_KEY, RECIPE = "run.key", "run.recipe"
VALID_UNTIL = "waived.until"
RISK_CLASS, SIGNATURES = "risk.class", "signatures.required"

REQUIRED_AT_CREATION = (APPROVAL, GATE_STATUS, AUTHOR, DIGEST, SNAPSHOT, POLICY, RUN_KEY, RISK_CLASS, SIGNATURES)
"""What the pipeline has to say of a version when it registers it."""
RESERVED = (
    "approval",
    "author",
    "digest",
    "gate",
    "mlflow",
    "policy",
    "risk",
    "run",
    "signatures",
    "snapshot",
    "waived",
)
"""First words of the tags that the server writes, or that are written once."""

CHAMPION, PREVIOUS, CHALLENGER = "champion", "previous", "challenger"

ADMIN, PIPELINE, PROMOTER = "admin", "pipeline", "promoter"
"""Service accounts: MLflow's administrator, who registers, and who sets aliases."""
SERVICES = (ADMIN, PIPELINE, PROMOTER)

UNPROVEN = "unproven"
"""Author of a run that was started where nobody signs in, such as the Prefect UI."""


def signatures_required(author: str, risk_class: str) -> int:
    """Return how many have to sign: two, one of them clinical, where the model is clinical or its author unproven.

    Whoever started an unproven run may be a reviewer; with two signatures one of them is not its author.
    """
    return 2 if risk_class == "clinical" or author == UNPROVEN else 1


STAMPS = ("approv", "gate", "signed", "signature", "verdict", "champion")
"""Beginnings of words that a reader could take for the server's own stamps, wherever they stand in a key."""
DRAWN_AS_LETTERS = str.maketrans("01345", "oieas")


def is_reserved(key: str) -> bool:
    """Tell whether the tag `key` is, or looks like, one that people do not write."""
    words = [word for word in re.split(r"[^a-z0-9]+", key.casefold()) if word]
    if not key.isascii() or not words or words[0] in RESERVED:
        return True
    run_together = "".join(words).translate(DRAWN_AS_LETTERS)
    return STAMPS[0] in run_together or any(word.startswith(STAMPS) for word in words)
