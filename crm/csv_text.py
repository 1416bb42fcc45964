"""CSV as text: every value a string, nothing guessed, so that no identifier is read as a number."""

from __future__ import annotations

import codecs
import csv
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

import polars as pl
import pyarrow as pa
import pyarrow.csv as pc

from caregate.errors import BadInput
from crm.reading import UnreadableFile, read_content

BLOCK = 16 << 20


SHOWN = 10
"""Positions that an error names; a file of another kind has thousands."""


class WrongColumns(BadInput):
    """A file's columns are not those of its kind.

    The text names expected columns and positions only: the first line of a file without a header is a patient's row.
    """

    def __init__(self, name: str, missing: Collection[str], unknown: Collection[int]) -> None:
        parts = []
        if missing:
            parts.append(f"lacks the column(s) {', '.join(missing)}")
        if unknown:
            first = ", ".join(map(str, list(unknown)[:SHOWN]))
            more = f" and {len(unknown) - SHOWN:,} more" if len(unknown) > SHOWN else ""
            parts.append(f"has column(s) that are not known, at position {first}{more}")
        super().__init__(f"{name}: {' and '.join(parts)}; give every column its name and leave out all others")


@dataclass(frozen=True)
class TextTable:
    """A CSV file's rows, every column text, empty values null, and the digest of the file."""

    rows: pl.DataFrame
    digest: str


def read_csv(path: Path, columns: Collection[str], *, optional: Collection[str] = ()) -> TextTable:
    """Read the plain or gzipped CSV file at `path`, in the order of `columns`; absent optional ones are null.

    Raises
    ------
    UnreadableFile
        If the bytes are no CSV in UTF-8, or there is no row.
    WrongColumns
        If a column is missing or unknown.
    """
    content = read_content(path)
    _require_text(path, content.data)
    _require_columns(path, _header(path, content.data), columns, optional)
    table = _parse(path, content.data)
    if table.num_rows == 0:
        raise UnreadableFile(path, "has a header and no rows; export it again")
    rows = pl.DataFrame(pl.from_arrow(table))
    if rows.select(pl.any_horizontal(pl.all().str.contains("[\r\n]").any())).item():
        raise UnreadableFile(path, "has a value that spans lines; look for a quotation mark that is not closed")
    absent = [pl.lit(None, pl.String).alias(name) for name in columns if name not in rows.columns]
    return TextTable(rows.with_columns(pl.all().replace("", None), *absent).select(*columns), content.digest)


def read_header(path: Path) -> list[str]:
    """Return the column names of the CSV file at `path`.

    Raises
    ------
    UnreadableFile
        If the bytes are no text in UTF-8.
    """
    data = read_content(path).data
    _require_text(path, data)
    return _header(path, data)


def _require_text(path: Path, data: bytearray) -> None:
    if b"\0" in data:
        raise UnreadableFile(path, "holds NUL bytes, so it is no text; export it as CSV")
    decoder = codecs.getincrementaldecoder("utf-8")()
    try:
        for start in range(0, len(data), BLOCK):
            decoder.decode(data[start : start + BLOCK])
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        raise UnreadableFile(path, "is not UTF-8; export it again in UTF-8") from None


def _header(path: Path, data: bytearray) -> list[str]:
    line = data[: data.find(b"\n") + 1 or len(data)].decode("utf-8-sig").rstrip("\r\n")
    try:
        return next(csv.reader([line], strict=True), [])
    except csv.Error:
        raise UnreadableFile(path, "its first line is no CSV header; export it again") from None


def _require_columns(path: Path, header: list[str], columns: Collection[str], optional: Collection[str]) -> None:
    missing = [name for name in columns if name not in header and name not in optional]
    unknown = [
        place + 1 for place, name in enumerate(header) if name not in columns or name in header[:place]
    ]  # a name that comes twice is not known the second time
    if missing or unknown:
        raise WrongColumns(path.name, missing, unknown)


def _parse(path: Path, data: bytearray) -> pa.Table:
    header = _header(path, data)
    try:
        return pc.read_csv(
            pa.BufferReader(data),
            read_options=pc.ReadOptions(block_size=BLOCK),
            convert_options=pc.ConvertOptions(
                column_types={name: pa.large_string() for name in header}, strings_can_be_null=False
            ),
        )
    except pa.ArrowInvalid:  # its text repeats the row
        raise UnreadableFile(path, "has a row with too many or too few values; export it again") from None
