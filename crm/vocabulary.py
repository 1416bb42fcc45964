"""What the values of canonical columns may be: closed sets of words, and ranges."""

from __future__ import annotations

from collections.abc import Mapping

from crm import icd9
from crm.policy import door_policy

_DOSES = frozenset({"no", "steady", "up", "down"})
_AGE = (0, door_policy().top_code_age)
_COUNT = (0, 999)
_COUNTS = (
    *("days_in_hospital", "lab_procedures", "procedures", "medications", "outpatient_visits"),
    *("emergency_visits", "inpatient_visits", "diagnoses", "diabetes_drugs", "drugs_changed"),
)

WORDS: Mapping[str, Mapping[str, frozenset[str]]] = {
    "patients": {"sex": frozenset({"female", "male", "other"})},
    "appointments": {"status": frozenset({"booked", "fulfilled", "noshow", "cancelled"})},
    "encounters": {
        "admission_type": frozenset({"emergency", "urgent", "elective", "newborn", "trauma"}),
        "admission_source": frozenset({"referral", "transfer", "emergency", "birth", "other"}),
        "disposition": frozenset(
            {"home", "home-care", "nursing-facility", "rehabilitation", "long-term-care", "psychiatric"}
            | {"hospital", "outpatient", "against-advice", "facility", "other"}
        ),
        "glucose_test": frozenset({"not-measured", "normal", "above-200", "above-300"}),
        "a1c_test": frozenset({"not-measured", "normal", "above-7", "above-8"}),
        "insulin": _DOSES,
        "metformin": _DOSES,
        **dict.fromkeys(("diagnosis_1", "diagnosis_2", "diagnosis_3"), icd9.NAMES),
    },
    "consents": {"purpose": frozenset({"train", "score", "contact", "share"})},
    "contacts": {"channel": frozenset({"sms", "voice", "email", "chat", "whatsapp"})},
}
"""Closed sets by table and column."""

RANGES: Mapping[str, Mapping[str, tuple[int, int]]] = {
    "appointments": {"age": _AGE, "disabilities": (0, 4)},
    "encounters": {
        "age": _AGE,
        "ordinal": (0, 2**62),
        "outcome_known_ordinal": (0, 2**62),
        **dict.fromkeys(_COUNTS, _COUNT),
    },
}
"""Lowest and highest value by table and column, both allowed."""

KEYS: Mapping[str, str] = {
    "patients": "patient_id",
    "appointments": "appointment_id",
    "encounters": "encounter_id",
    "contacts": "contact_id",
}
"""The column that names a row, for tables whose rows have a name."""
