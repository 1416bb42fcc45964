"""Record numbers as text: what a spreadsheet or a float did to them, undone where it can be."""

from __future__ import annotations

from decimal import Decimal

import polars as pl

PLAIN = r"^[0-9]{1,24}$"
AS_FLOAT = r"^[0-9]{1,24}(\.[0-9]{1,24})?([eE][+-]?[0-9]{1,2})?$"
EXACT = r"^[0-9]{1,24}(\.[0-9]{1,12})?$"
SCIENTIFIC = r"^([0-9]+)(?:\.([0-9]+))?[eE]([+-]?[0-9]{1,2})$"


def well_formed(column: str) -> pl.Expr:
    """Tell where the text is a number: plain digits, or the way that software writes a float."""
    return pl.col(column).str.contains(AS_FLOAT) & plain_decimal(column).str.contains(EXACT)


def written_as_float(column: str) -> pl.Expr:
    """Tell where the number is not plain digits but the way that software writes a float."""
    return pl.col(column).str.contains(AS_FLOAT) & ~pl.col(column).str.contains(PLAIN)


def lost_digits(column: str) -> pl.Expr:
    """Tell where the exponent reaches past the digits that are written: the last ones were rounded away."""
    exponent = pl.col(column).str.extract(SCIENTIFIC, 3).cast(pl.Int64, strict=False)
    decimals = pl.col(column).str.extract(SCIENTIFIC, 2).str.len_chars().fill_null(0)
    return exponent > decimals


def plain_decimal(column: str) -> pl.Expr:
    """Return the number as the exact plain decimal, so that the same number written in two ways is one identifier.

    A negative exponent loses nothing: ``123E-2`` is 1.23 and nothing else.
    """
    written = pl.when(written_as_float(column)).then(pl.col(column))
    return pl.coalesce(written.map_elements(_decimal, return_dtype=pl.String), pl.col(column))


def _decimal(text: str) -> str:
    plain = format(Decimal(text), "f")
    return plain.rstrip("0").rstrip(".") if "." in plain else plain
