"""CSV that a spreadsheet shows and does not run."""

from __future__ import annotations

import polars as pl

ARMED = r"^[=+\-@\t\r']"
"""What a cell begins with that a spreadsheet takes for a formula (OWASP), and the mark itself."""
MARK = "'"


def unarmed(frame: pl.DataFrame) -> pl.DataFrame:
    """Return `frame` with a ``'`` before each text that a spreadsheet would run or that begins with one itself."""
    text = pl.col(pl.String)
    return frame.with_columns(pl.when(text.str.contains(ARMED)).then(MARK + text).otherwise(text).name.keep())


def unmarked(frame: pl.DataFrame) -> pl.DataFrame:
    """Return `frame` with its texts as they were before `unarmed`."""
    return frame.with_columns(pl.col(pl.String).str.strip_prefix(MARK))
