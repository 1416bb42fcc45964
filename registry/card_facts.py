"""What is known of a model from its spec, data, policy and gates, in sentences that a card can hold."""

from __future__ import annotations

from models.spec import RiskClass
from registry.card_measures import ELSEWHERE, concerns, measures
from registry.evidence import Evidence
from registry.plots.inputs import words_of
from validation.suppression import suppressed

SOCIAL = (
    "age",
    "sex",
    "gender",
    "gender_identity",
    "sexual_orientation",
    "race",
    "ethnicity",
    "language",
    "welfare",
    "insurance",
    "housing",
    "disabilities",
)
"""Demographic and social variables that HTI-1 asks about, as features are named here."""


def facts_of(evidence: Evidence) -> dict[str, str]:
    """Return every known fact by the id that the card's fields use."""
    return {**_use(evidence), **_data(evidence), **_fairness(evidence), **_care(evidence), **measures(evidence)}


def _use(evidence: Evidence) -> dict[str, str]:
    spec, policy = evidence.spec, evidence.policy
    allowed = " ".join(f"{item.name}: {item.words}" for item in policy.purposes.allowed)
    refused = " ".join(f"{item.name}: {item.words}" for item in policy.purposes.refused)
    bands = "; ".join(f"{band.name} from {band.low:g}: {band.meaning.rstrip('.')}" for band in policy.bands.levels)
    return {
        "stage": "A candidate until its reviewers have signed; in use only while their approval stands.",
        "name": f"{spec.title} ({spec.name})",
        "summary": f"Says how likely it is that {spec.label}. {spec.use}",
        "intended_use": f"{spec.use} Allowed purposes: {allowed}",
        "how_to_use": f"{policy.decision.words} Bands: {bands}",
        "out_of_scope": f"Refused purposes: {refused}",
        "role": "Informs: a person decides. Nothing is cancelled, denied or booked by the score.",
        "risk_level": _risk(spec.risk_class),
        "output": f"The probability that {spec.label}, with a band, the features that moved it most, and the version.",
        "output_kind": "Prediction.",
        "accountability": (
            "A reviewer who is not the author signs each version. Every score names its reasons and version, and every "
            "act stands in a hash-chained ledger."
        ),
    }


def _risk(risk_class: RiskClass) -> str:
    if risk_class is RiskClass.CLINICAL:
        return "Clinical: two reviewers sign, one of them with the clinical role."
    return "Operational: one reviewer signs."


def _data(evidence: Evidence) -> dict[str, str]:
    spec, snapshot = evidence.spec, evidence.snapshot
    held_back = ", ".join(f"{count:,} by {rule}" for rule, count in sorted(snapshot.quarantined.items()) if count)
    released = ", ".join(f"{count:,} from {rule}" for rule, count in sorted(snapshot.released.items()) if count)
    training = "; ".join(f"{key}: {value}" for key, value in evidence.training.items())
    consent = ", ".join(f"{key}: {value}" for key, value in sorted(snapshot.consent.items()))
    return {
        "model_type": f"Gradient boosted trees (XGBoost), {spec.rounds} rounds, on {len(spec.features)} features.",
        "foundation": "None.",
        "input_source": f"{snapshot.source}, legal basis {snapshot.basis}, owner {snapshot.owner}.",
        "input_type": "Rows of a table (numbers, flags and categories); one probability a row.",
        "development_data": f"Snapshot {snapshot.digest}. {training}".strip(),
        "inclusion": f"Rows held back: {held_back or 'none'}. Released by a person: {released or 'none'}.",
        "consent": consent,
        "third_party": "Trained with XGBoost; no model or service of a third party is asked for a score.",
        "relevance": _relevance(evidence),
    }


def _relevance(evidence: Evidence) -> str:
    """Say how the training rows lie to the newest ones; whether they fit another setting a person has to say."""
    if evidence.snapshot.basis in ELSEWHERE or not evidence.drift:
        return ""
    moved = [words_of(evidence, name) for name, shift in evidence.drift.items() if shift.to_watch]
    lie = (
        f"Held-out rows lie elsewhere in: {', '.join(moved)}."
        if moved
        else "Held-out rows lie as the training rows do."
    )
    return f"Training rows come from the house's own records ({evidence.snapshot.source}). {lie}"


def _care(evidence: Evidence) -> dict[str, str]:
    """Return what keeps a version in check once it is in use."""
    return {
        "maintenance": (
            "Monitoring compares new rows with the training rows (drift of every feature and of the score) and, as "
            "outcomes become known, AUC and observed over expected with what was approved; once a week where its "
            "schedule is switched on."
        ),
        "security": (
            "The model is stored as data: loading it runs none of its code. Approval is bound to one digest of files, "
            "data and policy, and scoring refuses anything else. Identifiers are replaced before data is stored. "
            + " ".join(concerns(evidence, ("privacy",)))
        ).strip(),
    }


def _fairness(evidence: Evidence) -> dict[str, str]:
    policy, spec = evidence.policy, evidence.spec
    social = [name for name in spec.feature_names if name in SOCIAL]
    coverage = policy.decision.coverage
    mitigation = f"{policy.decision.words} {coverage.reason}" if coverage else policy.decision.words
    groups = "; ".join(_shares(name, evidence) for name in spec.groups if name in evidence.measured.partitions)
    inputs = ", ".join(social) or "none"
    return {
        "sensitive_inputs": f"Used as inputs: {inputs}. Judged as groups: {', '.join(spec.groups)}.",
        "representativeness": f"Shares of the test rows. {groups}." if groups else "",
        "fairness_approach": (
            f"{policy.gates.bias.harm} Each declared group and intersection is judged with bounds that hold for all of "
            "its kind at once; groups too small to tell are put to the reviewer by name."
        ),
        "bias_mitigation": mitigation,
        "biases": " ".join(concerns(evidence, ("bias", "calibration"))),
    }


def _shares(name: str, evidence: Evidence) -> str:
    partition = evidence.measured.partitions[name]
    hidden = suppressed(partition.levels, partition.n, partition.positives, evidence.policy.groups.suppress_under.value)
    total = max(int(partition.n.sum()), 1)
    parts = [
        f"{level} {'withheld' if hidden[place] else f'{partition.n[place] / total:.0%}'}"
        for place, level in enumerate(partition.levels)
    ]
    return f"{name}: {', '.join(parts)}"
