"""FHIR R4: a prediction as a `RiskAssessment`, an error as an `OperationOutcome` (``hl7.org/fhir/R4``)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, Final
from uuid import UUID

from caregate.errors import CaregateError
from models.spec import ModelSpec

MEDIA_TYPE = "application/fhir+json"
FHIR_VERSION = "4.0.1"
FINAL, CANCELLED = "final", "cancelled"
"""Of the required value set `observation-status`: an assessment that was not completed is ``cancelled``."""
RESOURCE_OF: Final[Mapping[str, str]] = {"appointments": "Appointment", "encounters": "Encounter"}
PERCENT = 100
PERSON = "A model's recommendation: a person decides."
ISSUES: Final[Mapping[int, str]] = {
    401: "login",
    403: "forbidden",
    404: "not-found",
    408: "timeout",
    413: "too-long",
    422: "invalid",
    429: "throttled",
}
"""Of the required value set `issue-type`, by status."""


@dataclass(frozen=True, slots=True)
class Told:
    """A prediction as it is told in FHIR.

    Attributes
    ----------
    prediction_id, at, version, score, band, meaning, why
        As it was answered; `why` says why the model abstained.
    reasons
        Plain words with whether they raised the score.
    range
        Between which shares the outcome is to be expected.
    patient, record
        The client's own ids, where it named them.
    period
        First and last day in which the outcome is expected, where they are known.
    """

    prediction_id: str
    at: datetime
    version: int | None
    score: float | None
    band: str | None
    meaning: str | None
    why: str | None
    reasons: Sequence[tuple[str, bool]] = ()
    range: tuple[float, float] | None = None
    patient: str | None = field(default=None, repr=False)
    record: str | None = field(default=None, repr=False)
    period: tuple[date, date] | None = None


def risk_assessment(spec: ModelSpec, told: Told) -> dict[str, Any]:
    """Return the `RiskAssessment` of a prediction, without extensions.

    Probabilities are percentages there (``RiskAssessment.prediction.probability[x]``, at most 100).
    """
    resource: dict[str, Any] = {
        "resourceType": "RiskAssessment",
        "id": uuid_of(told.prediction_id),
        "identifier": [{"system": "urn:caregate:prediction", "value": told.prediction_id}],
        "status": FINAL if told.score is not None else CANCELLED,
        "method": _method(spec, told.version),
        "code": {"text": spec.title},
        "subject": _reference("Patient", told.patient),
        "occurrenceDateTime": told.at.isoformat(timespec="seconds"),
        "prediction": [_prediction(spec, told)],
        "note": [{"text": f"The model abstained: {told.why}" if told.why else PERSON}],
    }
    if told.record is not None:
        resource["basis"] = [_reference(RESOURCE_OF.get(spec.table, "Basic"), told.record)]
    return resource


def bundle(resources: Iterable[Mapping[str, Any]], at: datetime) -> dict[str, Any]:
    """Return `resources` as a collection."""
    entries = [{"fullUrl": f"urn:uuid:{resource['id']}", "resource": resource} for resource in resources]
    return {
        "resourceType": "Bundle",
        "type": "collection",
        "timestamp": at.isoformat(timespec="seconds"),
        "entry": entries,
    }


def operation_outcome(error: CaregateError) -> dict[str, Any]:
    """Return what went wrong; our messages hold no value that was sent."""
    pointer = getattr(error, "pointer", "")
    place = f" (at {pointer})" if pointer else ""
    issue = {"severity": "error", "code": ISSUES.get(error.status, "processing"), "diagnostics": f"{error}{place}"}
    return {"resourceType": "OperationOutcome", "issue": [issue]}


def uuid_of(prediction_id: str) -> str:
    """Return the id of a prediction in the form of a UUID: the same 128 bits, which FHIR and CDS Hooks can hold."""
    return str(UUID(hex=prediction_id))


def prediction_id_of(uuid: str) -> str | None:
    """Return the prediction's id that `uuid` stands for, None where it has another form."""
    try:
        return UUID(uuid).hex
    except ValueError:
        return None


def capabilities(at: datetime) -> dict[str, Any]:
    """Return the `CapabilityStatement`: what of FHIR is spoken here."""
    return {
        "resourceType": "CapabilityStatement",
        "status": "active",
        "date": at.isoformat(timespec="seconds"),
        "kind": "instance",
        "software": {"name": "Caregate"},
        "implementation": {"description": "Scores of signed models as RiskAssessment"},
        "fhirVersion": FHIR_VERSION,
        "format": ["json"],
        "rest": [
            {
                "mode": "server",
                "documentation": "RiskAssessments are answered by POST /v1/models/{model}/risk-assessments and found "
                "again by GET /v1/predictions/{id}/fhir; there is no general read or search.",
                "security": {"description": "Authorization: Bearer KEY"},
            }
        ],
    }


def _method(spec: ModelSpec, version: int | None) -> dict[str, Any]:
    coding = {"system": "urn:caregate:model", "code": spec.name, "display": spec.title}
    if version is None:
        return {"coding": [coding], "text": f"{spec.name}, no version in use"}
    return {"coding": [{**coding, "version": str(version)}], "text": f"{spec.name} version {version}"}


def _prediction(spec: ModelSpec, told: Told) -> dict[str, Any]:
    prediction: dict[str, Any] = {"outcome": {"text": spec.label}}
    if told.score is not None:
        prediction["probabilityDecimal"] = round(told.score * PERCENT, 4)
        coding = [{"system": "urn:caregate:band", "code": told.band}]
        prediction["qualitativeRisk"] = {"coding": coding, "text": told.meaning or told.band}
        prediction["rationale"] = "; ".join(_rationale(told))
    if told.period is not None:
        first, last = told.period
        prediction["whenPeriod"] = {"start": first.isoformat(), "end": last.isoformat()}
    return prediction


def _rationale(told: Told) -> list[str]:
    words = [f"{'raised' if raised else 'lowered'} by {text}" for text, raised in told.reasons]
    if told.range is not None:
        words.append(f"expected between {told.range[0]:.1%} and {told.range[1]:.1%}")
    return words or ["no single reason stands out"]


def _reference(kind: str, identifier: str | None) -> dict[str, Any]:
    named = {"display": "not named by the client"} if identifier is None else {"identifier": {"value": identifier}}
    return {"type": kind, **named}
