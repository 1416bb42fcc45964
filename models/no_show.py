"""`no-show`: will this patient miss this appointment? Asked at the moment of booking.

Known then are the appointment itself, what was booked up to that moment and the outcomes that had become known by it.
Moments are whole seconds, days are days since 1970.
"""

from __future__ import annotations

import ibis
from ibis import _

from models.history import known
from models.spec import Feature, Kind, ModelSpec, RiskClass, Split, Tables, Timeline

SAME_CALL = 30 * 60
"""Bookings of a patient within half an hour count as made in one call, in seconds."""
DAY = 86_400
"""Seconds."""

FEATURES = (
    Feature("lead_days", "days between booking and appointment", monotone=1),
    Feature("age", "age"),
    Feature("hour", "time of the day when it was booked"),
    Feature("booked_weekday", "day of the week when it was booked"),
    Feature("weekday", "day of the week of the appointment"),
    Feature("hypertension", "recorded hypertension", Kind.FLAG),
    Feature("diabetes", "recorded diabetes", Kind.FLAG),
    Feature("alcoholism", "recorded alcoholism", Kind.FLAG),
    Feature("disabilities", "number of recorded disabilities"),
    Feature("known_visits", "earlier appointments with a known outcome"),
    Feature("known_misses", "earlier appointments missed", monotone=1),
    Feature("miss_rate", "share of earlier appointments missed", monotone=1),
    Feature("days_since_miss", "days since the last missed appointment", monotone=-1),
    Feature("open_bookings", "other appointments still ahead"),
    Feature("call_bookings", "appointments booked in the same call"),
    Feature("day_bookings", "appointments booked for the same day"),
    Feature("joint_bookings", "appointments entered together with this one, of any patient"),
    Feature("days_since_booking", "days since this patient's booking before this one"),
    Feature("site", "site of the appointment", Kind.CATEGORY),
)


def build(tables: Tables) -> ibis.Table:
    """Make the feature table of all appointments; `models.spec.ModelSpec.build` says what it holds."""
    rows = _rows(tables["appointments"])
    history = _history(rows).drop("patient_id", "moment", "day")
    joint = rows.group_by("booked_at").agg(joint=_.count())
    sex = tables["patients"].select("patient_id", group_sex="sex")
    joined = rows.join(history, "record_id").join(joint, "booked_at").left_join(sex, "patient_id")
    return _features(joined)


def _rows(appointments: ibis.Table) -> ibis.Table:
    ended = _.status.isin(["fulfilled", "noshow"])
    return appointments.select(
        "patient_id",
        "booked_at",
        "age",
        "disabilities",
        "welfare",
        "hypertension",
        "diabetes",
        "alcoholism",
        record_id=_.appointment_id,
        site=_.site,
        moment=_seconds(_.booked_at),
        booked_day=(_seconds(_.booked_at) // DAY).cast("int32"),
        day=(_seconds(_.day.cast("timestamp")) // DAY).cast("int32"),
        hour=_.booked_at.hour() + _.booked_at.minute() / 60,
        weekday=_.day.day_of_week.index(),
        booked_weekday=_.booked_at.date().day_of_week.index(),
        # Never by the booking itself: a walk-in's outcome may be entered in the same second.
        known_at=ibis.cases(
            (
                ended & _.outcome_known_at.notnull(),
                ibis.greatest(_seconds(_.outcome_known_at), _seconds(_.booked_at) + 1),
            )
        ),
        missed=ibis.cases((ended, (_.status == "noshow").cast("int64"))),
    )


def _seconds(moment: ibis.Value) -> ibis.Value:
    return moment.truncate("s").epoch_seconds().cast("int64")


def _history(rows: ibis.Table) -> ibis.Table:
    questions = rows.select("record_id", "patient_id", "moment", "day")
    booked = rows.select("patient_id", "moment", "day", bookings=ibis.literal(1, "int64"))
    outcomes = rows.filter(_.known_at.notnull()).select(
        "patient_id",
        "missed",
        moment=_.known_at,
        visits=ibis.literal(1, "int64"),
        missed_at=ibis.cases((_.missed == 1, _.known_at)),
    )
    ever = known(questions, booked, by=["patient_id"], sums=["bookings"])
    call = known(ever, booked.rename(call="bookings"), by=["patient_id"], sums=["call"], within=SAME_CALL)
    same_day = known(call, booked.rename(same_day="bookings"), by=["patient_id", "day"], sums=["same_day"])
    before = booked.select("patient_id", moment=_.moment + 1, booked_before=_.moment)
    earlier = known(same_day, before, by=["patient_id"], latest=["booked_before"])
    visits = known(earlier, outcomes, by=["patient_id"], sums=["visits", "missed"], latest=["missed_at"])
    return visits.rename(misses="missed")


def _features(rows: ibis.Table) -> ibis.Table:
    return rows.mutate(lead_days=_.day - _.booked_day).select(
        "record_id",
        "patient_id",
        "moment",
        "day",
        label=_.missed.cast("int8"),
        lead_days=_.lead_days,
        age=_.age,
        hour=_.hour,
        booked_weekday=_.booked_weekday,
        weekday=_.weekday,
        hypertension=_.hypertension.cast("int8"),
        diabetes=_.diabetes.cast("int8"),
        alcoholism=_.alcoholism.cast("int8"),
        disabilities=_.disabilities,
        known_visits=_.visits,
        known_misses=_.misses,
        miss_rate=_.misses / _.visits.nullif(0),
        days_since_miss=(_.moment - _.missed_at) / DAY,
        open_bookings=_.bookings - 1 - _.visits,
        call_bookings=_.call,
        day_bookings=_.same_day,
        joint_bookings=_.joint,
        days_since_booking=(_.moment - _.booked_before) / DAY,
        site=_.site,
        group_sex=_.group_sex,
        group_age=_age_group(_.age),
        group_welfare=_.welfare.ifelse("welfare", "no welfare"),
        stratum_booked_ahead=_.lead_days >= 1,
    )


def _age_group(age: ibis.Value) -> ibis.Value:
    edges = (18, 30, 45, 60, 75)
    names = ("0-17", "18-29", "30-44", "45-59", "60-74")
    return ibis.cases(*[(age < edge, name) for edge, name in zip(edges, names, strict=True)], (age >= 75, "75+"))


SPEC = ModelSpec(
    name="no-show",
    title="Missed appointments",
    use="Order and word reminders: whom to remind first, and by which channel. Never to deny, move or overbook.",
    risk_class=RiskClass.OPERATIONAL,
    table="appointments",
    record_id="appointment_id",
    label="the patient did not come to the appointment",
    features=FEATURES,
    build=build,
    groups=("sex", "age", "welfare"),
    strata=("booked_ahead",),
    baseline="lead_days",
    related=("patient_id", "booked_at"),
    timeline=Timeline(began="booked_at", known="outcome_known_at", before={"status": "booked"}),
    site="site",
    split=Split(by="time", test_share=0.2),
    rounds=300,
    hyperparameters={
        "objective": "binary:logistic",
        "tree_method": "hist",
        "learning_rate": 0.03,
        "max_depth": 4,
        "min_child_weight": 10,
        "subsample": 0.8,
        "colsample_bytree": 0.4,
        "reg_lambda": 5.0,
        "max_bin": 256,
    },
)
