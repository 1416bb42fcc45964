"""The synthetic source: appointments and encounters of nobody, drawn from published parameters."""

from __future__ import annotations

import hashlib
from datetime import timedelta
from functools import lru_cache
from pathlib import Path
from typing import Any

import polars as pl
import yaml

from caregate.errors import BadInput
from crm.canonical import conform
from crm.policy import door_policy
from crm.source import RawTables
from crm.sources.synthetic_appointments import draw_appointments

PARAMETERS = {name: Path(__file__).with_name(f"synthetic_{name}.yaml") for name in ("no_show",)}
DEFAULT_ROWS, DEFAULT_SEED = 50_000, 1
CONSENT = {
    "asked": "not-required",
    "reason": "synthetic: every row is drawn by chance from published shares and coefficients and is nobody's",
}
OWNER = "caregate"


class NoSyntheticRows(BadInput):
    """The number of rows cannot be drawn."""

    def __init__(self) -> None:
        super().__init__("synthetic data need rows of 1 or more and a seed of 0 or more")


class SyntheticSource:
    """Draws `rows` appointments and as many encounters, of different patients; the same seed gives the same rows.

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
            raise NoSyntheticRows

    def read(self, location: str | None = None, *, for_scoring: bool = False) -> RawTables:
        """Draw the tables; `location` is not used.

        Where the rows are only to be scored, small sites keep their names.
        """
        tables = _appointment_tables(self.rows, self.seed, for_scoring=for_scoring)
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
def parameters(name: str) -> dict[str, Any]:
    """Return the published parameters of ``no_show`` or ``readmission``."""
    given: dict[str, Any] = yaml.safe_load(PARAMETERS[name].read_text(encoding="utf-8"))
    return given


def _appointment_tables(rows: int, seed: int, *, for_scoring: bool) -> dict[str, pl.DataFrame]:
    drawn = draw_appointments(parameters("no_show"), rows, seed).with_columns(
        appointment_id=_numbered("A", pl.int_range(pl.len())), patient_id=_numbered("P", pl.col("patient"))
    )
    if not for_scoring:
        small = pl.len().over("site") < door_policy().small_site
        drawn = drawn.with_columns(site=pl.when(small).then(pl.lit("other")).otherwise("site"))
    status = pl.when("missed").then(pl.lit("noshow")).otherwise(pl.lit("fulfilled"))
    known = (pl.col("day") + timedelta(days=1)).cast(pl.Datetime("us"))
    sex = pl.when("female").then(pl.lit("female")).otherwise(pl.lit("male"))
    contact = (pl.col("appointment_id") + "/sms").alias("contact_id")
    said = [pl.lit("sms").alias("channel"), pl.lit("reminder").alias("purpose")]
    return {
        "patients": conform(
            drawn.unique("patient", keep="first", maintain_order=True).with_columns(sex=sex), "patients"
        ),
        "appointments": conform(drawn.with_columns(status=status, outcome_known_at=known), "appointments"),
        "contacts": conform(drawn.filter("reminded").with_columns(contact, *said), "contacts"),
    }


def _numbered(letter: str, number: pl.Expr) -> pl.Expr:
    return pl.concat_str(pl.lit(letter), (number + 1).cast(pl.String).str.zfill(9))
