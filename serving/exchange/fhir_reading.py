"""FHIR R4 resources read into instances of a model's table; what they do not say is left out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date, datetime, timedelta
from typing import Any, Final

import msgspec

YEAR = timedelta(days=365)
ICD10 = "http://hl7.org/fhir/sid/icd-10"
SNOMED = "http://snomed.info/sct"
RECORDED: Final[Mapping[str, tuple[tuple[str, ...], frozenset[str]]]] = {
    "hypertension": (("I10", "I11", "I12", "I13", "I15"), frozenset({"38341003", "59621000"})),
    "diabetes": (("E08", "E09", "E10", "E11", "E13"), frozenset({"73211009", "44054006", "46635009"})),
    "alcoholism": (("F10",), frozenset({"7200002", "15167005"})),
}
"""ICD-10 categories and SNOMED CT concepts of the conditions that the no-show model is told of."""
NOT_SO = frozenset({"refuted", "entered-in-error"})
PRIORITY: Final[Mapping[str, str]] = {"EM": "emergency", "UR": "urgent", "EL": "elective"}
ADMITTED: Final[Mapping[str, str]] = {
    "emd": "emergency",
    "hosp-trans": "transfer",
    "nursing": "transfer",
    "psych": "transfer",
    "rehab": "transfer",
    "born": "birth",
    "gp": "referral",
    "mp": "referral",
    "outp": "referral",
    "other": "other",
}
DISCHARGED: Final[Mapping[str, str]] = {
    "home": "home",
    "other-hcf": "facility",
    "long": "long-term-care",
    "aadvice": "against-advice",
    "psy": "psychiatric",
    "rehab": "rehabilitation",
    "snf": "nursing-facility",
    "oth": "other",
}
NOT_COMING_BACK = frozenset({"exp", "hosp"})
"""Expired, and hospice (`encounter-discharge-disposition`): no rows of the model."""
VISITS: Final[Mapping[str, str]] = {
    "IMP": "inpatient_visits",
    "ACUTE": "inpatient_visits",
    "NONAC": "inpatient_visits",
    "EMER": "emergency_visits",
    "AMB": "outpatient_visits",
    "VR": "outpatient_visits",
    "HH": "outpatient_visits",
}


class Coding(msgspec.Struct, frozen=True):
    """A code of a system."""

    system: str | None = None
    code: str | None = None


class Concept(msgspec.Struct, frozen=True):
    """A CodeableConcept."""

    coding: tuple[Coding, ...] = ()


class Period(msgspec.Struct, frozen=True):
    """From when to when."""

    start: str | None = None
    end: str | None = None


class Patient(msgspec.Struct, frozen=True):
    """What is read of a Patient."""

    birthDate: str | None = None  # noqa: N815


class Appointment(msgspec.Struct, frozen=True):
    """What is read of an Appointment."""

    resourceType: str  # noqa: N815
    id: str | None = None
    created: str | None = None
    start: str | None = None


class Condition(msgspec.Struct, frozen=True):
    """What is read of a Condition."""

    code: Concept = Concept()
    verificationStatus: Concept = Concept()  # noqa: N815


class Hospitalization(msgspec.Struct, frozen=True):
    """Where a patient came from and went to."""

    admitSource: Concept = Concept()  # noqa: N815
    dischargeDisposition: Concept = Concept()  # noqa: N815


class Encounter(msgspec.Struct, frozen=True):
    """What is read of an Encounter."""

    id: str | None = None
    status: str | None = None
    class_: Coding = msgspec.field(name="class", default=Coding())
    priority: Concept = Concept()
    period: Period = Period()
    hospitalization: Hospitalization = Hospitalization()
    diagnosis: tuple[dict[str, Any], ...] = ()


def appointment_instance(
    appointment: Appointment,
    patient_id: str,
    patient: Patient | None,
    recorded: Mapping[str, bool] | None,
    *,
    now: datetime,
) -> dict[str, Any]:
    """Return the instance of a booking; one that does not say when it was made is made now.

    Parameters
    ----------
    recorded
        As `recorded_of` returns them; None where nobody said.
    """
    told: dict[str, Any] = {
        "record_id": appointment.id,
        "patient_id": patient_id,
        "booked_at": appointment.created or now.isoformat(),
        "day": _day(appointment.start),
        "starts_at": appointment.start,
        "age": _age(patient, _date(appointment.created) or now.date()),
    }
    return _said({**told, **(recorded or {})})


def encounter_instance(
    encounter: Encounter,
    patient_id: str,
    patient: Patient | None,
    others: Iterable[Encounter] | None,
    *,
    today: date,
) -> dict[str, Any] | None:
    """Return the instance of a stay, None where the patient cannot come back.

    Parameters
    ----------
    others
        All encounters of the patient; None where nobody said.
    """
    codes = _codes(encounter.hospitalization.dischargeDisposition)
    if codes & NOT_COMING_BACK:
        return None
    admitted, left = _date(encounter.period.start), _date(encounter.period.end) or today
    told = {
        "record_id": encounter.id,
        "patient_id": patient_id,
        "admitted_on": admitted.isoformat() if admitted else None,
        "discharged_on": left.isoformat(),
        "age": _age(patient, admitted or today),
        "days_in_hospital": (left - admitted).days if admitted and left >= admitted else None,
        "admission_type": _first(encounter.priority, PRIORITY),
        "admission_source": _first(encounter.hospitalization.admitSource, ADMITTED),
        "disposition": _first(encounter.hospitalization.dischargeDisposition, DISCHARGED),
        "diagnoses": len(encounter.diagnosis) or None,
    }
    if others is not None and admitted is not None:
        told |= _visits(others, encounter.id, admitted)
    return _said(told)


def recorded_of(conditions: Iterable[Condition]) -> dict[str, bool]:
    """Return which conditions that a model is told of are among all that are recorded of a patient."""
    codings = [
        coding
        for condition in conditions
        if not _codes(condition.verificationStatus) & NOT_SO
        for coding in condition.code.coding
    ]
    return {
        name: any(_is_of(coding, categories, concepts) for coding in codings)
        for name, (categories, concepts) in RECORDED.items()
    }


def _is_of(coding: Coding, categories: tuple[str, ...], concepts: frozenset[str]) -> bool:
    system, code = coding.system or "", coding.code or ""
    return (system.startswith(ICD10) and code.startswith(categories)) or (system == SNOMED and code in concepts)


def _visits(others: Iterable[Encounter], this: str | None, admitted: date) -> dict[str, int]:
    counts = dict.fromkeys(VISITS.values(), 0)
    for other in others:
        began, kind = _date(other.period.start), VISITS.get(other.class_.code or "")
        is_visit = kind is not None and other.id != this and other.status != "cancelled"
        if kind is not None and is_visit and began is not None and admitted - YEAR <= began < admitted:
            counts[kind] += 1
    return counts


def _codes(concept: Concept) -> set[str]:
    return {coding.code for coding in concept.coding if coding.code}


def _first(concept: Concept, words: Mapping[str, str]) -> str | None:
    known = (words.get(coding.code or "") for coding in concept.coding)
    return next((word for word in known if word), None)


def _age(patient: Patient | None, on: date) -> int | None:
    born = _date(patient.birthDate) if patient else None
    if born is None or born > on:
        return None
    return on.year - born.year - ((on.month, on.day) < (born.month, born.day))


def _date(text: str | None) -> date | None:
    """Return the day of a FHIR date or dateTime, None where it is none or only a year or month."""
    try:
        return date.fromisoformat((text or "")[:10])
    except ValueError:
        return None


def _day(text: str | None) -> str | None:
    day = _date(text)
    return day.isoformat() if day else None


def _said(told: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in told.items() if value is not None}
