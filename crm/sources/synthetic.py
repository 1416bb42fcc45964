"""The synthetic source: appointments and encounters of nobody, drawn from published parameters."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import timedelta
from functools import lru_cache
from pathlib import Path
from typing import Any

import polars as pl
import yaml

from caregate.errors import BadInput
from crm.canonical import conform
from crm.policy import door_policy
from crm.source import RawTables, Released
from crm.sources.synthetic_appointments import draw_appointments
from crm.sources.synthetic_encounters import draw_encounters

PARAMETERS = {name: Path(__file__).with_name(f"synthetic_{name}.yaml") for name in ("no_show", "readmission")}
DEFAULT_ROWS, DEFAULT_SEED = 50_000, 1
CONSENT = {
    "asked": "not-required",
    "reason": "synthetic: every row is drawn by chance from published shares and coefficients and is nobody's",
}
OWNER = "caregate"

Tables = dict[str, pl.DataFrame]


class NothingToDraw(BadInput):
    """The number of rows or the seed cannot be used."""

    def __init__(self) -> None:
        super().__init__("synthetic data: rows must be 1 or more, encounters and seed 0 or more")


class NoLocation(BadInput):
    """Synthetic data are drawn and not read."""

    def __init__(self) -> None:
        super().__init__("synthetic data are drawn and not read: leave out the path")


class SyntheticSource:
    """Draws appointments and encounters of different patients; the same numbers and seed give the same rows.

    Parameters
    ----------
    rows
        Rows of the appointments, and of the encounters where `encounters` is not given.
    seed
        Where chance starts.
    encounters
        Rows of the encounters; 0 leaves them out.
    """

    name = "synthetic"

    def __init__(self, rows: int = DEFAULT_ROWS, seed: int = DEFAULT_SEED, encounters: int | None = None) -> None:
        self.rows, self.seed = rows, seed
        self.encounters = rows if encounters is None else encounters
        if rows < 1 or seed < 0 or self.encounters < 0:
            raise NothingToDraw

    def read(
        self,
        location: str | None = None,
        *,
        for_scoring: bool = False,
        released: Released | None = None,  # noqa: ARG002
    ) -> RawTables:
        """Draw the tables; where they are only to be scored, small sites keep their names.

        Raises
        ------
        NoLocation
            If a path is given.
        """
        if location is not None:
            raise NoLocation
        tables = appointment_tables(parameters("no_show"), self.rows, self.seed, merge_sites=not for_scoring)
        if self.encounters:
            stays = encounter_tables(parameters("readmission"), self.encounters, self.seed)
            tables["patients"] = pl.concat([tables["patients"], stays["patients"]])
            tables["encounters"] = stays["encounters"]
        return RawTables(
            source=self.name,
            source_digest=self._digest(),
            tables=tables,
            basis="synthetic",
            consent=CONSENT,
            owner=OWNER,
        )

    def _digest(self) -> str:
        digest = hashlib.sha256(f"{self.rows} {self.encounters} {self.seed}".encode())
        for path in PARAMETERS.values():
            digest.update(path.read_bytes())
        return f"sha256:{digest.hexdigest()}"


@lru_cache(maxsize=2)
def parameters(name: str) -> Mapping[str, Any]:
    """Return the published parameters of ``no_show`` or ``readmission``."""
    given: Mapping[str, Any] = yaml.safe_load(PARAMETERS[name].read_text(encoding="utf-8"))
    return given


def appointment_tables(given: Mapping[str, Any], rows: int, seed: int, *, merge_sites: bool = True) -> Tables:
    """Return patients, `rows` appointments and their reminders as canonical tables."""
    drawn = draw_appointments(given, rows, seed)
    drawn = drawn.with_columns(
        appointment_id=_numbered("A", pl.int_range(pl.len())), patient_id=_numbered("P", pl.col("patient"))
    )
    if merge_sites:
        small = pl.len().over("site") < door_policy().small_site
        drawn = drawn.with_columns(site=pl.when(small).then(pl.lit("other")).otherwise("site"))
    status = pl.when("missed").then(pl.lit("noshow")).otherwise(pl.lit("fulfilled"))
    known = (pl.col("day") + timedelta(days=1)).cast(pl.Datetime("us"))
    return {
        "patients": _patients(
            drawn.with_columns(sex=pl.when("female").then(pl.lit("female")).otherwise(pl.lit("male")))
        ),
        "appointments": conform(drawn.with_columns(status=status, outcome_known_at=known), "appointments"),
        "contacts": _reminders(drawn),
    }


def _reminders(drawn: pl.DataFrame) -> pl.DataFrame:
    contact = (pl.col("appointment_id") + "/sms").alias("contact_id")
    said = [pl.lit("sms").alias("channel"), pl.lit("reminder").alias("purpose")]
    return conform(drawn.filter("reminded").with_columns(contact, *said), "contacts")


def encounter_tables(given: Mapping[str, Any], rows: int, seed: int) -> Tables:
    """Return patients and `rows` encounters as canonical tables."""
    drawn = draw_encounters(given, rows, seed).with_columns(
        encounter_id=_numbered("E", pl.int_range(pl.len())), patient_id=_numbered("H", pl.col("patient"))
    )
    return {"patients": _patients(drawn), "encounters": conform(drawn, "encounters")}


def _patients(drawn: pl.DataFrame) -> pl.DataFrame:
    return conform(drawn.unique("patient", keep="first", maintain_order=True), "patients")


def _numbered(letter: str, number: pl.Expr) -> pl.Expr:
    return pl.concat_str(pl.lit(letter), (number + 1).cast(pl.String).str.zfill(9))
