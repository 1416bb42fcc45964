"""The canonical tables: what every source is mapped to and every later room reads.

Identifiers are vault tokens. Moments are UTC without a zone (``timestamp[us]``), days are dates. A column that a source
cannot fill is null, never a made-up value.
"""

from __future__ import annotations

import pyarrow as pa

_MOMENT = pa.timestamp("us")


def _field(name: str, kind: pa.DataType, *, nullable: bool = False, meaning: str) -> pa.Field:
    return pa.field(name, kind, nullable=nullable, metadata={"meaning": meaning})


PATIENTS = pa.schema(
    [
        _field("patient_id", pa.string(), meaning="token of the patient"),
        _field("sex", pa.string(), nullable=True, meaning="female, male or other; null where unknown or contradictory"),
        _field("race", pa.string(), nullable=True, meaning="as recorded; null where unknown or contradictory"),
    ]
)

APPOINTMENTS = pa.schema(
    [
        _field("appointment_id", pa.string(), meaning="token of the appointment"),
        _field("patient_id", pa.string(), meaning="token of the patient"),
        _field("booked_at", _MOMENT, meaning="when it was booked: the moment of prediction"),
        _field("day", pa.date32(), meaning="the day of the appointment, local"),
        _field("starts_at", _MOMENT, nullable=True, meaning="its hour, where the source knows it"),
        _field("site", pa.string(), nullable=True, meaning="clinic or neighbourhood; small ones are merged as 'other'"),
        _field("age", pa.int16(), nullable=True, meaning="years at booking, 90 and above as 90"),
        _field("welfare", pa.bool_(), nullable=True, meaning="enrolled in a welfare programme"),
        _field("hypertension", pa.bool_(), nullable=True, meaning="known at booking"),
        _field("diabetes", pa.bool_(), nullable=True, meaning="known at booking"),
        _field("alcoholism", pa.bool_(), nullable=True, meaning="known at booking"),
        _field("disabilities", pa.int8(), nullable=True, meaning="number of recorded disabilities, 0 to 4"),
        _field("status", pa.string(), meaning="booked, fulfilled, noshow or cancelled"),
        _field("outcome_known_at", _MOMENT, nullable=True, meaning="from when on the status was known; null before"),
    ]
)

ENCOUNTERS = pa.schema(
    [
        _field("encounter_id", pa.string(), meaning="token of the encounter"),
        _field("patient_id", pa.string(), meaning="token of the patient"),
        _field("ordinal", pa.int64(), meaning="position in the source's time order: the moment of prediction"),
        _field(
            "outcome_known_ordinal", pa.int64(), nullable=True, meaning="from which position on the label was known"
        ),
        _field("admitted_on", pa.date32(), nullable=True, meaning="day of admission, where the source has dates"),
        _field("discharged_on", pa.date32(), nullable=True, meaning="day of discharge, where the source has dates"),
        _field("age", pa.int16(), nullable=True, meaning="years, or the lower end of the decade; 90 and above as 90"),
        _field("admission_type", pa.string(), nullable=True, meaning="emergency, urgent, elective, newborn, trauma"),
        _field("admission_source", pa.string(), nullable=True, meaning="referral, transfer, emergency, birth, other"),
        _field("disposition", pa.string(), nullable=True, meaning="where to: home, home-care, facility, hospital, ..."),
        _field("specialty", pa.string(), nullable=True, meaning="of the admitting physician; rare ones as 'other'"),
        _field("payer", pa.string(), nullable=True, meaning="who pays, by the source's code"),
        _field("days_in_hospital", pa.int16(), nullable=True, meaning="days from admission to discharge"),
        _field("lab_procedures", pa.int16(), nullable=True, meaning="lab tests during the stay"),
        _field("procedures", pa.int16(), nullable=True, meaning="other procedures during the stay"),
        _field("medications", pa.int16(), nullable=True, meaning="distinct drugs given during the stay"),
        _field("outpatient_visits", pa.int16(), nullable=True, meaning="in the year before"),
        _field("emergency_visits", pa.int16(), nullable=True, meaning="in the year before"),
        _field("inpatient_visits", pa.int16(), nullable=True, meaning="in the year before"),
        _field("diagnoses", pa.int16(), nullable=True, meaning="number of diagnoses entered"),
        _field("diagnosis_1", pa.string(), nullable=True, meaning="principal diagnosis, ICD-9 group"),
        _field("diagnosis_2", pa.string(), nullable=True, meaning="second diagnosis, ICD-9 group"),
        _field("diagnosis_3", pa.string(), nullable=True, meaning="third diagnosis, ICD-9 group"),
        _field("glucose_test", pa.string(), nullable=True, meaning="not-measured, normal, above-200, above-300"),
        _field("a1c_test", pa.string(), nullable=True, meaning="not-measured, normal, above-7, above-8"),
        _field("insulin", pa.string(), nullable=True, meaning="no, steady, up, down"),
        _field("metformin", pa.string(), nullable=True, meaning="no, steady, up, down"),
        _field("diabetes_drugs", pa.int16(), nullable=True, meaning="number of diabetes drugs prescribed"),
        _field("drugs_changed", pa.int16(), nullable=True, meaning="number of them whose dose was changed"),
        _field("medication_change", pa.bool_(), nullable=True, meaning="any change in diabetes medication"),
        _field("diabetes_medication", pa.bool_(), nullable=True, meaning="any diabetes medication prescribed"),
        _field("readmitted_within_30_days", pa.bool_(), nullable=True, meaning="the label; null while unknown"),
    ]
)

CONSENTS = pa.schema(
    [
        _field("patient_id", pa.string(), meaning="token of the patient"),
        _field("purpose", pa.string(), meaning="train, score, contact or share"),
        _field("granted", pa.bool_(), meaning="true for a grant, false for a revocation"),
        _field("at", _MOMENT, meaning="when it was said"),
        _field("notice", pa.string(), nullable=True, meaning="version of the notice that was shown"),
    ]
)

CONTACTS = pa.schema(
    [
        _field("contact_id", pa.string(), meaning="token of the contact"),
        _field("patient_id", pa.string(), meaning="token of the patient"),
        _field("appointment_id", pa.string(), nullable=True, meaning="the appointment it was about"),
        _field("channel", pa.string(), meaning="sms, voice, email, chat or whatsapp"),
        _field("purpose", pa.string(), meaning="what for, such as reminder"),
        _field("at", _MOMENT, nullable=True, meaning="when, where the source knows it"),
    ]
)

TABLES: dict[str, pa.Schema] = {
    "patients": PATIENTS,
    "appointments": APPOINTMENTS,
    "encounters": ENCOUNTERS,
    "consents": CONSENTS,
    "contacts": CONTACTS,
}
"""Every canonical table by its name."""

IDENTIFIERS: dict[str, tuple[str, ...]] = {
    "patients": ("patient_id",),
    "appointments": ("appointment_id", "patient_id"),
    "encounters": ("encounter_id", "patient_id"),
    "consents": ("patient_id",),
    "contacts": ("contact_id", "patient_id", "appointment_id"),
}
"""Columns that hold vault tokens: their values are chance, so content digests number them by first appearance."""
