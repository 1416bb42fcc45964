"""Predictions as rows between a journal and the table: as bytes, and into the table at the least cost.

The insert shares its process with the thread that answers. On SQLite one statement takes many rows, so that the
interpreter's lock changes hands once for all of them; on PostgreSQL the server takes a whole batch as one JSON text.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from itertools import chain
from typing import Any

import msgspec
from sqlalchemy import Connection

from governance.predictions import Prediction
from governance.schema import predictions

Row = tuple[
    str,
    str,
    str,
    int | None,
    str,
    str,
    str | None,
    str | None,
    str,
    str,
    float | None,
    str | None,
    str | None,
    str | None,
]
"""The columns in their order; the moment in UTC without its zone, the reasons as JSON."""
EACH = 32
"""Rows of a statement on SQLite, whose older releases take 999 values in one."""

_to_bytes = msgspec.msgpack.Encoder().encode
_from_bytes = msgspec.msgpack.Decoder(list[Row]).decode
_to_json = msgspec.json.Encoder().encode

_COLUMNS = ", ".join(f'"{column.name}"' for column in predictions.columns)
_ONCE = "ON CONFLICT (prediction_id) DO NOTHING"
_POSTGRESQL = f"""
INSERT INTO predictions ({_COLUMNS})
SELECT v->>0, (v->>1)::timestamp AT TIME ZONE 'UTC', v->>2, (v->>3)::integer, v->>4, v->>5, v->>6, v->>7, v->>8, v->>9,
       (v->>10)::float8, v->>11, (v->>12)::json, v->>13
FROM json_array_elements(%s::json) AS given (v) {_ONCE}
"""  # noqa: S608 - names of columns


def encode(rows: Sequence[Prediction]) -> bytes:
    """Return `rows` as bytes."""
    return _to_bytes([_row(row) for row in rows])


def decode(payload: bytes) -> list[Row]:
    """Return the rows that `encode` made `payload` of.

    Raises
    ------
    msgspec.MsgspecError
        If it is no such payload.
    """
    return _from_bytes(payload)


def insert_once(connection: Connection, rows: Sequence[Row]) -> int:
    """Insert those of `rows` whose ids are not in the table yet, and return how many were."""
    if connection.dialect.name == "postgresql":
        return connection.exec_driver_sql(_POSTGRESQL, (_to_json(rows).decode(),)).rowcount
    inserted = 0
    for at in range(0, len(rows), EACH):
        part = rows[at : at + EACH]
        inserted += connection.exec_driver_sql(_on_sqlite(len(part)), tuple(chain.from_iterable(part))).rowcount
    return inserted


def prediction_of(row: Row) -> dict[str, Any]:
    """Return what the table's row of `row` reads as."""
    named: dict[str, Any] = dict(zip(predictions.columns.keys(), row, strict=True))
    named["at"] = datetime.fromisoformat(row[1]).replace(tzinfo=UTC)
    named["reasons"] = msgspec.json.decode(row[12]) if row[12] else None
    return named


def _row(row: Prediction) -> Row:
    return (
        row.prediction_id,
        _moment(row.at),
        row.model,
        row.version,
        row.client,
        row.purpose,
        row.patient,
        row.record,
        row.inputs_digest,
        row.status,
        row.score,
        row.band,
        None if row.reasons is None else _to_json(row.reasons).decode(),
        row.why,
    )


def _moment(at: datetime) -> str:
    utc = at if at.tzinfo is UTC else at.astimezone(UTC)
    return utc.replace(tzinfo=None).isoformat(" ", "microseconds")


def _on_sqlite(rows: int) -> str:
    one = f"({', '.join('?' * len(predictions.columns))})"
    return f"INSERT INTO predictions ({_COLUMNS}) VALUES {', '.join([one] * rows)} {_ONCE}"  # noqa: S608 - names
