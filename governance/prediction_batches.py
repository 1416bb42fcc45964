"""Predictions of whole files: Parquet parts in the home, whose digests a sealed line of the ledger holds."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
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
        When it began.
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
        """Write down what the predictions of a batch share, after its last part."""
        place = self.place(batch.id)
        aside = place / f".{RECORD}"
        aside.write_bytes(msgspec.json.encode(batch))
        aside.replace(place / RECORD)

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
        for batch in self.every():
            if (
                (batch.model, batch.version) == (model, version)
                and since <= batch.at
                and (not until or batch.at <= until)
            ):
                scored = self._rows(batch).scanner(columns=["patient"], filter=ds.field("status") == "scored")
                for part in scored.to_batches():
                    found.update(pc.unique(part.column("patient")).drop_null().to_pylist())
        return found

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


def write_part(rows: pa.Table, path: Path) -> None:
    """Write a part aside and rename it to `path`; the same rows give the same bytes."""
    aside = path.with_name(f".{path.name}")
    pq.write_table(rows.cast(SCHEMA), aside, use_dictionary=["status", "band", "why"])
    aside.replace(path)


def read_parts(folder: Path, parts: int) -> tuple[dict[str, int], dict[str, str]]:
    """Return the rows of the first `parts` parts by status, and the digest of each part by its name."""
    paths = [folder / f"{number:06}.parquet" for number in range(parts)]
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
