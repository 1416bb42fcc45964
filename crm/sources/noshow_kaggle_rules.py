"""What can be wrong with a row of the "Medical Appointment No Shows" file, and what is done about it."""

from __future__ import annotations

import polars as pl

from crm.identity_rules import malformed_number, missing_value, record_number_rules, repetition_rules
from crm.policy import door_policy
from crm.record_number import plain_decimal
from crm.rules import CONTRACT, LABEL_TOLD, UNMAPPED, Rule, quarantine, repair

LABEL = "No-show"
FLAGS = ("Scholarship", "Hipertension", "Diabetes", "Alcoholism", "SMS_received")
COLUMNS = (
    *("PatientId", "AppointmentID", "Gender", "ScheduledDay", "AppointmentDay", "Age", "Neighbourhood"),
    *("Scholarship", "Hipertension", "Diabetes", "Alcoholism", "Handcap", "SMS_received", LABEL),
)
KEYS = ("PatientId", "AppointmentID")
REQUIRED = (*KEYS, "ScheduledDay", "AppointmentDay")
MAY_BE_NULL = ("Gender", "Age", "Neighbourhood", "Handcap", *FLAGS)
MOST_DISABILITIES = 4

BOOKED_AT = pl.col("ScheduledDay").str.to_datetime("%Y-%m-%dT%H:%M:%SZ", strict=False, time_unit="us")
DAY = pl.col("AppointmentDay").str.to_datetime("%Y-%m-%dT%H:%M:%SZ", strict=False, time_unit="us").dt.date()
AGE = pl.col("Age").str.to_integer(strict=False)
DISABILITIES = pl.col("Handcap").str.to_integer(strict=False)


def appointment_rules(*, for_scoring: bool) -> tuple[Rule, ...]:
    """Return the rules in the order in which they are asked."""
    return (
        missing_value(REQUIRED),
        *record_number_rules(KEYS),
        *_date_rules(),
        malformed_number(("Age", "Handcap", *FLAGS)),
        *_age_rules(),
        *_code_rules(),
        *repetition_rules(plain_decimal("AppointmentID"), COLUMNS),
        quarantine(
            "duplicate-booking",
            "the same row but for AppointmentID: one visit booked twice, whose outcome would be counted twice",
            ~pl.struct(*(name for name in COLUMNS if name != "AppointmentID")).is_first_distinct(),
            binding="",
        ),
        repair(
            "left-null",
            "a value is missing that the row can do without; it is null and never made up",
            pl.any_horizontal(pl.col(*MAY_BE_NULL).is_null()),
        ),
        *(() if for_scoring else (small_site(),)),
    )


def _date_rules() -> tuple[Rule, ...]:
    policy = door_policy()

    def broken(moment: pl.Expr) -> pl.Expr:
        return moment.is_null() | ~moment.dt.year().is_between(policy.first_year, policy.last_year)

    return (
        quarantine("broken-date", "a date cannot be read or lies outside of any clinic's life", broken(BOOKED_AT)
                   | broken(DAY), binding=UNMAPPED),
        quarantine(
            "booked-after-day",
            "booked after the day of the appointment: one of the two is wrong, and such rows are nearly all no-shows",
            BOOKED_AT.dt.date() > DAY,
            binding=LABEL_TOLD,
        ),
    )  # fmt: skip


def _age_rules() -> tuple[Rule, ...]:
    policy = door_policy()
    return (
        quarantine("negative-age", "nobody is younger than nought", AGE < 0, binding=CONTRACT),
        quarantine(
            "implausible-age", "older than people become: a typing error", policy.implausible_age <= AGE, binding=""
        ),
        repair("top-coded-age", "ages of 90 and above identify; they are one category", policy.top_code_age < AGE),
    )


def _code_rules() -> tuple[Rule, ...]:
    flags = [~pl.col(name).str.to_integer(strict=False).is_in([0, 1]) for name in FLAGS]
    return (
        quarantine("unknown-flag", "a flag is neither 0 nor 1", pl.any_horizontal(flags), binding=UNMAPPED),
        quarantine(
            "count-out-of-range",
            "Handcap counts disabilities from 0 to 4 and is no flag",
            ~DISABILITIES.is_between(0, MOST_DISABILITIES),
            binding=CONTRACT,
        ),
        quarantine(
            "unknown-status", "No-show is neither Yes nor No", ~pl.col(LABEL).is_in(["Yes", "No"]), binding=LABEL_TOLD
        ),
        repair("unknown-sex", "Gender is neither F nor M; it is null", ~pl.col("Gender").is_in(["F", "M"])),
    )


def small_site() -> Rule:
    """Merge sites with too few rows."""
    return repair(
        "small-site",
        "a neighbourhood with few rows points at persons and carries no statistic; it is merged as 'other'",
        pl.col("Neighbourhood").is_not_null() & (pl.len().over("Neighbourhood") < door_policy().small_site),
    )
