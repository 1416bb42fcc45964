"""What the raw rules look at in the "Medical Appointment No Shows" file: its text read apart from the door's reading.

Every column is a flag, a count or a number that follows from the text, computed on all rows; the text stays here.
"""

from __future__ import annotations

import polars as pl

from crm.record_number import lost_digits, plain_decimal, well_formed, written_as_float
from crm.sources.noshow_kaggle_rules import COLUMNS, FLAGS, KEYS, LABEL, MAY_BE_NULL, REQUIRED
from validation.suites.raw_text import (
    any_of,
    copied,
    flags,
    malformed,
    on_first,
    repeated_key,
    whole_number,
    wrong_columns,
)

MOMENT = "%Y-%m-%dT%H:%M:%SZ"
SHORT_LEAD = 3
"""Days: the clinics' system never reminds of an appointment that is nearer than this when it is booked."""
GARBLED = "\ufffd|[\u00c2\u00c3][\u0080-\u00bf]"
"""What UTF-8 looks like once it was read as another encoding."""


def noshow_view(rows: pl.DataFrame) -> pl.DataFrame:
    """Return what the rules of `raw/noshow-kaggle.yaml` ask for, a row for each of `rows`, which are all text."""
    wrong = wrong_columns(rows, COLUMNS)
    text = rows.with_columns(pl.lit(None, pl.String).alias(name) for name in COLUMNS if name not in rows.columns)
    return text.with_columns(_moments()).select(
        wrong.alias("columns_wrong"),
        **_ids(),
        **_dates(),
        **flags(_values()),
        **_numbers(),
        **_repeats(),
        **_reminders(),
    )


def _moments() -> list[pl.Expr]:
    booked = pl.col("ScheduledDay").str.to_datetime(MOMENT, strict=False)
    day = pl.col("AppointmentDay").str.to_datetime(MOMENT, strict=False)
    return [booked.alias("__booked"), day.alias("__day"), _days(booked, day).alias("__lead")]


def _days(booked: pl.Expr, day: pl.Expr) -> pl.Expr:
    return (day.dt.date() - booked.dt.date()).dt.total_days()


def _ids() -> dict[str, pl.Expr]:
    found = {
        "id_scientific": any_of(written_as_float, KEYS),
        "id_digits_lost": any_of(lost_digits, KEYS),
        "id_malformed": any_of(lambda name: ~well_formed(name), KEYS),
    }
    return flags(found) | {"id_rows": repeated_key(plain_decimal("AppointmentID"))}


def _dates() -> dict[str, pl.Expr]:
    booked, day, lead = pl.col("__booked"), pl.col("__day"), pl.col("__lead")
    unread = [
        pl.col("ScheduledDay").is_not_null() & booked.is_null(),
        pl.col("AppointmentDay").is_not_null() & day.is_null(),
    ]
    found = {
        "date_unreadable": pl.any_horizontal(unread),
        "day_at_midnight": day.dt.time() == pl.time(0),
        "same_day_looks_late": (lead == 0) & (booked > day),
    }
    years = {"booked_year": booked.dt.year(), "day_year": day.dt.year()}
    return flags(found) | years | {"lead_days": lead}


def _values() -> dict[str, pl.Expr]:
    site = pl.col("Neighbourhood")
    return {
        "required_empty": pl.any_horizontal(pl.col(*REQUIRED).is_null()),
        "optional_empty": pl.any_horizontal(pl.col(*MAY_BE_NULL).is_null()),
        "outcome_empty": pl.col(LABEL).is_null(),
        "number_malformed": any_of(malformed, ("Age", "Handcap", *FLAGS)),
        "flag_unknown": any_of(lambda name: ~whole_number(name).is_in([0, 1]), FLAGS),
        "outcome_unknown": ~pl.col(LABEL).is_in(["Yes", "No"]),
        "gender_unknown": ~pl.col("Gender").is_in(["F", "M"]),
        "site_beyond_ascii": site.str.contains("[^\x00-\x7f]"),
        "site_garbled": site.str.contains(GARBLED),
    }


def _numbers() -> dict[str, pl.Expr]:
    return {
        "age": whole_number("Age"),
        "handcap": whole_number("Handcap"),
        "missed": (pl.col(LABEL) == "Yes").cast(pl.Int8),
    }


def _repeats() -> dict[str, pl.Expr]:
    patient = plain_decimal("PatientId")
    day = pl.struct(patient, "AppointmentDay")
    return {
        "row_repeated": ~pl.struct(*COLUMNS).is_first_distinct(),
        "booking_copied": copied(COLUMNS, but="AppointmentID"),
        "patient_day_further": patient.is_not_null() & ~day.is_first_distinct(),
        "site_rows": on_first("Neighbourhood", pl.len().over("Neighbourhood")),
    }


def _reminders() -> dict[str, pl.Expr]:
    """Return how likely a short lead is reminded of, over how likely any is: 1 where reminders go by chance or not."""
    sent = whole_number("SMS_received").cast(pl.Float64)
    overall, short = sent.mean(), sent.filter(pl.col("__lead") < SHORT_LEAD).mean()
    return {"reminded_short_over_all": pl.when(overall > 0).then(short / overall).otherwise(1.0)}
