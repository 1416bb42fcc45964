"""`readmission-risk`: will this patient be back in hospital within 30 days? Asked at discharge.

Known then are the stay itself, the earlier stays and whether those were followed by a readmission. Moments are
positions in the source's time order, because not every source has dates. Deaths and discharges to hospice are no rows
of this model: such patients cannot come back.
"""

from __future__ import annotations

import ibis
from ibis import _

from models.history import known
from models.spec import Feature, Kind, ModelSpec, RiskClass, Split, Tables, Timeline

FEATURES = (
    Feature("inpatient_visits", "hospital stays in the year before", monotone=1),
    Feature("emergency_visits", "emergency visits in the year before"),
    Feature("outpatient_visits", "outpatient visits in the year before"),
    Feature("days_in_hospital", "days in hospital"),
    Feature("lab_procedures", "lab tests during the stay"),
    Feature("procedures", "procedures during the stay"),
    Feature("medications", "drugs given during the stay"),
    Feature("diagnoses", "number of diagnoses"),
    Feature("age", "age"),
    Feature("admission_type", "type of admission", Kind.CATEGORY),
    Feature("admission_source", "where admitted from", Kind.CATEGORY),
    Feature("disposition", "where discharged to", Kind.CATEGORY),
    Feature("specialty", "specialty of the admitting physician", Kind.CATEGORY),
    Feature("diagnosis_1", "principal diagnosis", Kind.CATEGORY),
    Feature("diagnosis_2", "second diagnosis", Kind.CATEGORY),
    Feature("diagnosis_3", "third diagnosis", Kind.CATEGORY),
    Feature("glucose_test", "glucose test", Kind.CATEGORY),
    Feature("a1c_test", "A1c test", Kind.CATEGORY),
    Feature("insulin", "insulin", Kind.CATEGORY),
    Feature("metformin", "metformin", Kind.CATEGORY),
    Feature("diabetes_drugs", "number of diabetes drugs"),
    Feature("drugs_changed", "diabetes drugs whose dose was changed"),
    Feature("medication_change", "change of diabetes medication", Kind.FLAG),
    Feature("diabetes_medication", "diabetes medication prescribed", Kind.FLAG),
    Feature("earlier_stays", "earlier stays on record"),
    Feature("earlier_readmissions", "earlier stays followed by a readmission within 30 days", monotone=1),
    Feature("earlier_days", "days in hospital over all earlier stays"),
    Feature("readmission_rate", "share of earlier stays followed by a readmission", monotone=1),
    Feature("last_inpatient_visits", "hospital stays in the year before the last stay"),
    Feature("last_emergency_visits", "emergency visits in the year before the last stay"),
    Feature("last_days", "days in hospital at the last stay"),
    Feature("same_diagnosis", "same principal diagnosis as at the last stay", Kind.FLAG),
)

AS_RECORDED = (
    "inpatient_visits",
    "emergency_visits",
    "outpatient_visits",
    "days_in_hospital",
    "lab_procedures",
    "procedures",
    "medications",
    "diagnoses",
    "age",
    "admission_type",
    "admission_source",
    "disposition",
    "specialty",
    "diagnosis_1",
    "diagnosis_2",
    "diagnosis_3",
    "glucose_test",
    "a1c_test",
    "insulin",
    "metformin",
    "diabetes_drugs",
    "drugs_changed",
)
"""Features that are columns of the canonical table."""


def build(tables: Tables) -> ibis.Table:
    """Make the feature table of all encounters; `models.spec.ModelSpec.build` says what it holds."""
    encounters = tables["encounters"]
    history = _history(encounters).drop("patient_id", "moment")
    last = _last_stay(encounters)
    patients = tables["patients"].select("patient_id", group_sex="sex", group_race="race")
    joined = encounters.join(history, "encounter_id").join(last, "encounter_id").left_join(patients, "patient_id")
    return joined.select(
        *AS_RECORDED,
        "patient_id",
        "group_sex",
        "group_race",
        record_id=_.encounter_id,
        moment=_.ordinal,
        day=ibis.cases((_.discharged_on.notnull(), _days(_.discharged_on))),
        label=_.readmitted_within_30_days.cast("int8"),
        medication_change=_.medication_change.cast("int8"),
        diabetes_medication=_.diabetes_medication.cast("int8"),
        earlier_stays=_.stays,
        earlier_readmissions=_.readmissions,
        earlier_days=_.days,
        readmission_rate=_.readmissions / _.followed.nullif(0),
        last_inpatient_visits=_.last_inpatient,
        last_emergency_visits=_.last_emergency,
        last_days=_.last_days,
        same_diagnosis=(_.last_diagnosis == _.diagnosis_1).cast("int8"),
        group_age=_age_group(_.age),
        stratum_first_stay=_.stays == 0,
    )


def _days(day: ibis.Value) -> ibis.Value:
    return (day.cast("timestamp").epoch_seconds() // 86_400).cast("int32")


def _history(encounters: ibis.Table) -> ibis.Table:
    questions = encounters.select("encounter_id", "patient_id", moment=_.ordinal)
    stays = encounters.select(
        "patient_id",
        moment=_.ordinal + 1,
        stays=ibis.literal(1, "int64"),
        days=_.days_in_hospital.coalesce(0).cast("int64"),
    )
    outcomes = encounters.filter(_.outcome_known_ordinal.notnull() & _.readmitted_within_30_days.notnull()).select(
        "patient_id",
        moment=ibis.greatest(_.outcome_known_ordinal, _.ordinal + 1),
        followed=ibis.literal(1, "int64"),
        readmissions=_.readmitted_within_30_days.cast("int64"),
    )
    before = known(questions, stays, by=["patient_id"], sums=["stays", "days"])
    return known(before, outcomes, by=["patient_id"], sums=["followed", "readmissions"])


def _last_stay(encounters: ibis.Table) -> ibis.Table:
    earlier = ibis.window(group_by="patient_id", order_by="ordinal")
    return encounters.select(
        "encounter_id",
        last_days=_.days_in_hospital.lag().over(earlier),
        last_inpatient=_.inpatient_visits.lag().over(earlier),
        last_emergency=_.emergency_visits.lag().over(earlier),
        last_diagnosis=_.diagnosis_1.lag().over(earlier),
    )


def _age_group(age: ibis.Value) -> ibis.Value:
    return ibis.cases((age < 30, "0-29"), (age < 50, "30-49"), (age < 70, "50-69"), (age >= 70, "70+"))


SPEC = ModelSpec(
    name="readmission-risk",
    title="Readmission within 30 days",
    use="Choose whom a nurse calls after discharge. Never to delay a discharge, deny care or set a price.",
    risk_class=RiskClass.CLINICAL,
    table="encounters",
    record_id="encounter_id",
    label="the patient was admitted again within 30 days of discharge",
    features=FEATURES,
    build=build,
    groups=("sex", "race", "age"),
    strata=("first_stay",),
    baseline="inpatient_visits",
    required=("inpatient_visits",),
    tells_of_history=("inpatient_visits",),
    split=Split(by="patient", test_share=0.2),
    timeline=Timeline(began="ordinal", known="outcome_known_ordinal", before={"readmitted_within_30_days": None}),
    rounds=400,
    hyperparameters={
        "objective": "binary:logistic",
        "tree_method": "hist",
        "learning_rate": 0.03,
        "max_depth": 6,
        "min_child_weight": 20,
        "gamma": 2.0,
        "subsample": 0.8,
        "colsample_bytree": 0.4,
        "reg_lambda": 10.0,
    },
)
