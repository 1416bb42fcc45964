"""Predictions of whole files: Parquet parts in the home, whose digests a sealed line of the ledger holds."""

from __future__ import annotations

import hashlib
import re
import secrets
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import polars as pl
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds
import pyarrow.parquet as pq

from caregate.errors import CaregateError
from caregate.settings import Settings
from governance.ledger import digest_of
from governance.predictions import Prediction

RECORD = "batch.json"
PARTS = "*.parquet"
SCHEMA = pa.schema(
    {
        "row": pa.int64(),
        "patient": pa.string(),
        "record": pa.string(),
        "inputs_digest": pa.binary(),
        "status": pa.string(),
        "score": pa.float64(),
        "band": pa.string(),
        "reasons": pa.string(),
        "why": pa.string(),
    }
)
"""A prediction as a part holds it; what all rows of a batch share stands in its record."""


ID = re.compile(r"([0-9a-f]{24})-([1-9][0-9]{0,14})")
"""The id of a prediction in a batch: the batch's and the row's number."""


class BatchChanged(CaregateError):
    """A batch's parts are not those that were written."""

    def __init__(self, batch: str) -> None:
        super().__init__(f"predictions of batch {batch} were changed or removed: restore them from a backup")


@dataclass(frozen=True, slots=True)
class Batch:
    """What all predictions of one file share.

    Attributes
    ----------
    id
        Random; the predictions' ids are this and the row's number.
    at
        When it was finished: its answers were given out then, all at once.
    model, version
        What answered.
    client, purpose
        Who ran it, and what for.
    parts
        Digest of each finished part, by its file's name.
    """

    id: str
    at: datetime
    model: str
    version: int
    client: str
    purpose: str
    parts: Mapping[str, str]

    @property
    def digest(self) -> str:
        """``sha256:…`` of the batch's id and of its parts' digests."""
        return digest_of({"batch": self.id, "parts": dict(self.parts)})


class PredictionBatches:
    """The batches of a home. Only finished ones count: of one under way nobody has got an answer yet."""

    def __init__(self, settings: Settings) -> None:
        self.folder = settings.home.resolve() / "predictions"

    def place(self, batch: str) -> Path:
        """Return the folder of a batch's parts."""
        return self.folder / batch

    def finish(self, batch: Batch) -> None:
        """Write down what the predictions of a batch share, after its last part; once it is, it stays."""
        place = self.place(batch.id)
        if (place / RECORD).exists():
            return
        aside = place / f".{RECORD}"
        aside.write_bytes(msgspec.json.encode(batch))
        aside.replace(place / RECORD)

    def abandon(self, batch: str) -> None:
        """Remove the parts of a batch that will not be finished; a finished one stays."""
        place = self.place(batch)
        if not (place / RECORD).exists():
            shutil.rmtree(place, ignore_errors=True)

    def find(self, prediction_id: str) -> Prediction | None:
        """Return the prediction of this id, None where there is none.

        Raises
        ------
        BatchChanged
            If the batch lacks a part.
        """
        named = ID.fullmatch(prediction_id)
        record = self.place(named[1]) / RECORD if named else None
        if named is None or record is None or not record.is_file():
            return None
        batch = msgspec.json.decode(record.read_bytes(), type=Batch)
        found = self._rows(batch).to_table(filter=ds.field("row") == int(named[2])).to_pylist()
        return _prediction(batch, found[0]) if found else None

    def every(self) -> Iterator[Batch]:
        """Yield the finished batches."""
        for path in sorted(self.folder.glob(f"*/{RECORD}")):
            yield msgspec.json.decode(path.read_bytes(), type=Batch)

    def of_patient(self, patient: str) -> list[Prediction]:
        """Return everything that was predicted in batches of the patient with this token, oldest first.

        Raises
        ------
        BatchChanged
            If a batch lacks a part.
        """
        found = [
            _prediction(batch, row)
            for batch in self.every()
            for row in self._rows(batch).to_table(filter=ds.field("patient") == patient).to_pylist()
        ]
        return sorted(found, key=lambda prediction: prediction.at)

    def patients_scored(self, model: str, version: int, *, since: datetime, until: datetime | None = None) -> set[str]:
        """Return the tokens of the patients whom a version scored in batches from `since` on, `until` included.

        Raises
        ------
        BatchChanged
            If a batch lacks a part.
        """
        found: set[str] = set()
        for batch in self._between(model, version, since, until):
            scored = self._rows(batch).scanner(columns=["patient"], filter=ds.field("status") == "scored")
            for part in scored.to_batches():
                found.update(pc.unique(part.column("patient")).drop_null().to_pylist())
        return found

    def scored_without_patient(self, model: str, version: int, *, since: datetime, until: datetime) -> int:
        """Return how many scores of a version in batches name no patient.

        Raises
        ------
        BatchChanged
            If a batch lacks a part.
        """
        unnamed = (ds.field("status") == "scored") & ds.field("patient").is_null()
        found = self._between(model, version, since, until)
        return sum(self._rows(batch).count_rows(filter=unnamed) for batch in found)

    def _between(self, model: str, version: int, since: datetime, until: datetime | None) -> Iterator[Batch]:
        for batch in self.every():
            is_theirs = (batch.model, batch.version) == (model, version)
            if is_theirs and since <= batch.at and (not until or batch.at <= until):
                yield batch

    def verify(self, batch: Batch) -> None:
        """Hold every part of `batch` against its digest.

        Raises
        ------
        BatchChanged
            If one is missing or another.
        """
        place = self.place(batch.id)
        paths = {name: place / name for name in batch.parts}
        if any(not path.is_file() or file_digest(path) != batch.parts[name] for name, path in paths.items()):
            raise BatchChanged(batch.id)

    def _rows(self, batch: Batch) -> ds.Dataset:
        paths = [self.place(batch.id) / name for name in sorted(batch.parts)]
        if not all(path.is_file() for path in paths):
            raise BatchChanged(batch.id)
        return ds.dataset([str(path) for path in paths], schema=SCHEMA, format="parquet")


def new_batch_id() -> str:
    """Draw the id of a batch."""
    return secrets.token_hex(12)


def prediction_ids(batch: str) -> pl.Expr:
    """Return the ids of a batch's predictions, from the column ``row``."""
    return pl.concat_str(pl.lit(f"{batch}-"), pl.col("row"))


def write_part(rows: pa.Table, path: Path) -> None:
    """Write a part aside and rename it to `path`; the same rows give the same bytes."""
    aside = path.with_name(f".{path.name}")
    pq.write_table(rows.cast(SCHEMA), aside, use_dictionary=["status", "band", "why"])
    aside.replace(path)


def part_of(folder: Path, number: int) -> Path:
    """Return where a part of the batch in `folder` lies."""
    return folder / f"{number:06}.parquet"


def read_parts(folder: Path, parts: int) -> tuple[dict[str, int], dict[str, str]]:
    """Return the rows of the first `parts` parts by status, and the digest of each part by its name."""
    paths = [part_of(folder, number) for number in range(parts)]
    statuses: dict[str, int] = {}
    for path in paths:
        for item in pc.value_counts(pq.read_table(path, columns=["status"]).column("status")).to_pylist():
            statuses[item["values"]] = statuses.get(item["values"], 0) + item["counts"]
    return dict(sorted(statuses.items())), {path.name: file_digest(path) for path in paths}


def file_digest(path: Path) -> str:
    """Return ``sha256:…`` of the file's bytes."""
    with path.open("rb") as file:
        return "sha256:" + hashlib.file_digest(file, "sha256").hexdigest()


def _prediction(batch: Batch, row: Mapping[str, Any]) -> Prediction:
    return Prediction(
        prediction_id=f"{batch.id}-{row['row']}",
        at=batch.at.astimezone(UTC),
        model=batch.model,
        version=batch.version,
        client=batch.client,
        purpose=batch.purpose,
        patient=row["patient"],
        record=row["record"],
        inputs_digest="sha256:" + row["inputs_digest"].hex() if row["inputs_digest"] else "",
        status=row["status"],
        score=row["score"],
        band=row["band"],
        reasons=msgspec.json.decode(row["reasons"]) if row["reasons"] else [],
        why=row["why"],
    )
