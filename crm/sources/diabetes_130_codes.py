"""What the codes of the "Diabetes 130-US hospitals" file mean, after its ``IDs_mapping.csv``.

A code that stands for "not known" (NULL, Not Mapped, Not Available, Unknown) is left out, and so becomes null.
"""

from __future__ import annotations

ADMISSION_TYPE = {"1": "emergency", "2": "urgent", "3": "elective", "4": "newborn", "7": "trauma"}
ADMISSION_TYPE_UNKNOWN = frozenset({"5", "6", "8"})

ADMISSION_SOURCE = {
    **dict.fromkeys(("1", "2", "3"), "referral"),
    **dict.fromkeys(("4", "5", "6", "10", "18", "22", "25", "26"), "transfer"),
    "7": "emergency",
    **dict.fromkeys(("11", "12", "13", "14", "23", "24"), "birth"),
    **dict.fromkeys(("8", "19"), "other"),
}
ADMISSION_SOURCE_UNKNOWN = frozenset({"9", "15", "17", "20", "21"})

DIED = frozenset({"11", "19", "20", "21"})
HOSPICE = frozenset({"13", "14"})
DISPOSITION = {
    "1": "home",
    **dict.fromkeys(("6", "8"), "home-care"),
    **dict.fromkeys(("3", "4", "15", "24"), "nursing-facility"),
    "22": "rehabilitation",
    "23": "long-term-care",
    "28": "psychiatric",
    **dict.fromkeys(("2", "5", "9", "10", "27", "29", "30"), "hospital"),
    **dict.fromkeys(("12", "16", "17"), "outpatient"),
    "7": "against-advice",
}
DISPOSITION_UNKNOWN = frozenset({"18", "25", "26"})

SEX = {"Female": "female", "Male": "male"}
RACES = ("Caucasian", "AfricanAmerican", "Asian", "Hispanic", "Other")
AGES = {f"[{low}-{low + 10})": low for low in range(0, 100, 10)}
GLUCOSE = {"None": "not-measured", "Norm": "normal", ">200": "above-200", ">300": "above-300"}
A1C = {"None": "not-measured", "Norm": "normal", ">7": "above-7", ">8": "above-8"}
DOSE = {"No": "no", "Steady": "steady", "Up": "up", "Down": "down"}
CHANGE = {"Ch": True, "No": False}
MEDICATION = {"Yes": True, "No": False}
READMITTED = {"<30": True, ">30": False, "NO": False}

PAYERS = ("MC", "HM", "SP", "BC", "MD", "CP", "UN", "CM", "OG", "PO", "DM", "CH", "WC", "OT")
"""Payers with a hundred encounters or nearly so; the others are merged, because few persons have them."""

SPECIALTIES = {
    "InternalMedicine": "internal-medicine",
    "Hospitalist": "internal-medicine",
    "Emergency/Trauma": "emergency",
    "Family/GeneralPractice": "family-practice",
    "Cardiology": "cardiology",
    "Surgery-General": "surgery",
    "Surgeon": "surgery",
    "SurgicalSpecialty": "surgery",
    "Nephrology": "nephrology",
    "Orthopedics": "orthopedics",
    "Orthopedics-Reconstructive": "orthopedics",
    "Radiologist": "radiology",
    "Radiology": "radiology",
    "Pulmonology": "pulmonology",
    "Psychiatry": "psychiatry",
    "Urology": "urology",
    "ObstetricsandGynecology": "obstetrics-gynecology",
    "Gynecology": "obstetrics-gynecology",
    "Obstetrics": "obstetrics-gynecology",
    "Surgery-Cardiovascular/Thoracic": "cardiothoracic-surgery",
    "Surgery-Cardiovascular": "cardiothoracic-surgery",
    "Surgery-Thoracic": "cardiothoracic-surgery",
    "Gastroenterology": "gastroenterology",
    "Surgery-Vascular": "vascular-surgery",
    "Surgery-Neuro": "neurosurgery",
    "PhysicalMedicineandRehabilitation": "rehabilitation",
    "Oncology": "oncology-hematology",
    "Hematology/Oncology": "oncology-hematology",
    "Hematology": "oncology-hematology",
    "Neurology": "neurology",
    "Pediatrics": "pediatrics",
    "Pediatrics-CriticalCare": "pediatrics",
    "Pediatrics-Endocrinology": "pediatric-endocrinology",
    "Endocrinology": "endocrinology",
    "Endocrinology-Metabolism": "endocrinology",
    "Otolaryngology": "otolaryngology",
    "Psychology": "psychology",
    "Podiatry": "podiatry",
}
"""Specialties with enough encounters to stand for themselves; every other one is 'other'."""
