"""Candidates: the records of a snapshot that a day's worklist is about."""

from __future__ import annotations

from datetime import date, timedelta

import polars as pl

from caregate.errors import BadInput
from crm.outreach.policy import ModelOutreach

BOOKED = "booked"


class NoDays(BadInput):
    """Rows of this table have no day that a worklist could go by."""

    def __init__(self, table: str) -> None:
        super().__init__(f"no worklist is made of {table}: they have neither a day nor an order")


def candidates(rows: pl.LazyFrame, table: str, said: ModelOutreach, day: date) -> pl.DataFrame:
    """Return the canonical rows that the worklist of `day` is about, in the order of the source.

    Appointments are those still booked whose day lies in the policy's window. Encounters are those discharged in it
    whose outcome is not known. A source whose encounters have no dates tells of no day: then they are the newest ones,
    by their position, whose outcome is not known, and the same ones on the next day unless newer ones came.

    Parameters
    ----------
    rows, table
        A canonical table of a snapshot.
    said
        The window, and how many rows without a date are taken.
    day
        Of the worklist.

    Raises
    ------
    NoDays
        If rows of the table have neither.
    """
    first, last = day + timedelta(days=said.window.first), day + timedelta(days=said.window.last)
    if table == "appointments":
        return rows.filter((pl.col("status") == BOOKED) & pl.col("day").is_between(first, last)).collect()
    if table != "encounters":
        raise NoDays(table)
    open_ones = rows.filter(pl.col("readmitted_within_30_days").is_null())
    if rows.select(pl.col("discharged_on").is_not_null().any()).collect().item():
        return open_ones.filter(pl.col("discharged_on").is_between(first, last)).collect()
    newest = open_ones.select(pl.col("ordinal").top_k(said.undated.value).min()).collect().item()
    return open_ones.filter(pl.col("ordinal") >= newest).collect() if newest is not None else open_ones.collect()
