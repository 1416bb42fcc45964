"""The public "Medical Appointment No Shows" file (Joni Hoppen, Kaggle): appointments in Vitória, Brazil, 2016."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import polars as pl

from crm.canonical import conform
from crm.csv_text import read_csv
from crm.patients import one_row_a_patient
from crm.policy import door_policy
from crm.reading import require_location
from crm.record_number import plain_decimal
from crm.rules import releasing, sort_out
from crm.source import RawTables, Released
from crm.sources import noshow_kaggle_rules as rules

CONSENT = {
    "asked": "not-required",
    "reason": "public data set (Kaggle, CC BY-NC-SA 4.0), published without names; no person is identified",
}
STATUS = {"Yes": "noshow", "No": "fulfilled"}
SEX = {"F": "female", "M": "male"}


class NoShowKaggleSource:
    """Reads ``KaggleV2-May-2016.csv`` or a file of its kind, plain or gzipped.

    `No-show` may be empty or absent: the appointment is then still booked.
    """

    name = "noshow-kaggle"

    def read(self, location: str | None, *, for_scoring: bool = False, released: Released | None = None) -> RawTables:
        """Read and map the file at `location`.

        Raises
        ------
        BadInput
            If the file cannot be used.
        """
        path: Path = require_location(self.name, location)
        text = read_csv(path, rules.COLUMNS, optional=(rules.LABEL,))
        asked = rules.appointment_rules(for_scoring=for_scoring)
        passes = releasing(released, self.name, "appointments")
        found = sort_out(text.rows, asked, table="appointments", key="AppointmentID", original=text.rows, passes=passes)
        mapped = _mapped(found.kept, for_scoring=for_scoring)
        patients, contradictions = one_row_a_patient(mapped, ("sex",))
        return RawTables(
            source=self.name,
            source_digest=text.digest,
            tables={"patients": patients, "appointments": conform(mapped, "appointments"), "contacts": _sms(mapped)},
            basis="public",
            consent=CONSENT,
            rejected=found.rejected,
            repaired={**found.repaired, **contradictions},
            records={"appointments": found.records},
            released=found.released,
            text=text.rows,
        )


def _mapped(rows: pl.DataFrame, *, for_scoring: bool) -> pl.DataFrame:
    site = pl.col("Neighbourhood")
    if not for_scoring:
        site = pl.when(rules.small_site().applies).then(pl.lit("other")).otherwise(site)
    return rows.select(
        plain_decimal("AppointmentID").alias("appointment_id"),
        plain_decimal("PatientId").alias("patient_id"),
        pl.col("Gender").replace_strict(SEX, default=None).alias("sex"),
        rules.BOOKED_AT.alias("booked_at"),
        rules.DAY.alias("day"),
        site.alias("site"),
        rules.AGE.clip(upper_bound=door_policy().top_code_age).alias("age"),
        _flag("Scholarship").alias("welfare"),
        _flag("Hipertension").alias("hypertension"),
        _flag("Diabetes").alias("diabetes"),
        _flag("Alcoholism").alias("alcoholism"),
        rules.DISABILITIES.alias("disabilities"),
        _flag("SMS_received").alias("reminded"),
        pl.col(rules.LABEL).replace_strict(STATUS, default="booked").alias("status"),
        pl.when(pl.col(rules.LABEL).is_not_null()).then(_midnight_after(rules.DAY)).alias("outcome_known_at"),
    )


def _flag(column: str) -> pl.Expr:
    return pl.col(column).str.to_integer(strict=False).cast(pl.Boolean)


def _midnight_after(day: pl.Expr) -> pl.Expr:
    # The file has no hour of the appointment: who came is certain only once the day is over.
    return (day + timedelta(days=1)).cast(pl.Datetime("us"))


def _sms(appointments: pl.DataFrame) -> pl.DataFrame:
    sent = appointments.filter(pl.col("reminded"))
    contact = (pl.col("appointment_id") + "/sms").alias("contact_id")
    said = [pl.lit("sms").alias("channel"), pl.lit("reminder").alias("purpose")]
    return conform(sent.with_columns(contact, *said), "contacts")
