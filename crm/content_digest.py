"""The content digest: what a snapshot says, whatever its tokens, its Parquet writer and the home it lies in."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

import polars as pl
import pyarrow as pa
import pyarrow.compute as pc

from crm.tables import IDENTIFIERS, TABLES

FORM = "caregate-snapshot/1"
"""Names what is hashed and how; to be changed with it."""


def content_digest(tables: Mapping[str, pl.DataFrame], quarantine: pl.DataFrame, facts: Mapping[str, Any]) -> str:
    """Return ``sha256:…`` of canonical `tables`, of which rows were held back, and of `facts`.

    Tokens are chance, so each is replaced by its number: the place of its first appearance over all identifier columns
    of all tables, so that joins between the tables are part of the content.

    Parameters
    ----------
    tables
        In canonical schemas; the order of rows counts, that of the mapping does not.
    quarantine
        With the columns ``table``, ``rule`` and ``row_number``; what is sealed is chance and is left out.
    facts
        JSON-ready values that belong to the content, such as the legal basis.
    """
    numbered = _number_tokens(tables)
    said = {
        "form": FORM,
        "facts": facts,
        "tables": {name: _hash_columns(numbered[name]) for name in TABLES if name in tables},
        "quarantine": _hash_columns({name: quarantine[name] for name in ("table", "rule", "row_number")}),
    }
    text = json.dumps(said, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    return "sha256:" + hashlib.sha256(text.encode()).hexdigest()


def _number_tokens(tables: Mapping[str, pl.DataFrame]) -> dict[str, dict[str, pl.Series]]:
    places = [(name, column) for name in TABLES if name in tables for column in IDENTIFIERS[name]]
    numbered = {name: {column: frame[column] for column in frame.columns} for name, frame in tables.items()}
    if not places:
        return numbered
    tokens = pl.concat([tables[name][column].alias("token") for name, column in places], rechunk=True)
    codes = pl.Series(pc.dictionary_encode(tokens.to_arrow()).indices).cast(pl.Int64)
    start = 0
    for name, column in places:
        length = tables[name].height
        numbered[name][column] = codes.slice(start, length)
        start += length
    return numbered


def _hash_columns(columns: Mapping[str, pl.Series]) -> dict[str, list[Any]]:
    return {name: [str(values.dtype), len(values), _hash_values(values)] for name, values in columns.items()}


def _hash_values(values: pl.Series) -> str:
    digest = hashlib.sha256()
    digest.update(values.is_null().to_numpy().tobytes())
    if values.dtype == pl.String:
        text = values.fill_null("").rechunk()
        digest.update(text.str.len_bytes().cast(pl.Int64).to_numpy().tobytes())
        digest.update(_text_bytes(text))
    else:
        digest.update(values.to_physical().cast(pl.Int64).fill_null(0).to_numpy().tobytes())
    return digest.hexdigest()


def _text_bytes(text: pl.Series) -> memoryview:
    array = pc.cast(text.to_arrow(), pa.large_string())
    offsets, data = array.buffers()[1:]
    if not len(array) or data is None:
        return memoryview(b"")
    bounds = memoryview(offsets).cast("q")
    return memoryview(data)[bounds[array.offset] : bounds[array.offset + len(array)]]
