"""What was predicted: one row for every answer, recorded before the answer is sent and never changed.

Answers come by the journal, which has its rows in this table a moment later.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Engine, and_, func, insert, select

from governance.schema import predictions


@dataclass(frozen=True, slots=True)
class Prediction:
    """One answer to one question about one record.

    Attributes
    ----------
    prediction_id
        Random; what the client names when it later reports a decision or an outcome.
    at
        When it was answered.
    model, version
        What answered; no version where no champion stood.
    client, purpose
        Who asked, and what for.
    patient, record
        Vault tokens, null where the client did not say.
    inputs_digest
        ``sha256:…`` of what the model saw, or of the question where the model did not see it.
    status
        ``scored`` or ``abstained``.
    score, band, reasons
        The answer of a scored one.
    why
        The reason of an abstained one.
    """

    prediction_id: str
    at: datetime
    model: str
    version: int | None
    client: str
    purpose: str
    patient: str | None
    record: str | None
    inputs_digest: str
    status: str
    score: float | None = None
    band: str | None = None
    reasons: Sequence[Mapping[str, Any]] | None = None
    why: str | None = None


class Predictions:
    """The append-only record of predictions."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def append(self, rows: Sequence[Prediction]) -> None:
        """Write `rows` in one transaction: all of them stand on disk when this returns, or none."""
        if rows:
            with self._engine.begin() as connection:
                connection.execute(insert(predictions), [asdict(row) for row in rows])

    def of_patient(self, patient: str) -> list[Prediction]:
        """Return everything that was predicted of the patient with this token, oldest first."""
        query = select(predictions).where(predictions.c.patient == patient).order_by(predictions.c.at)
        with self._engine.connect() as connection:
            return [Prediction(**row) for row in connection.execute(query).mappings()]

    def patients_scored(self, model: str, version: int, *, since: datetime, until: datetime | None = None) -> list[str]:
        """Return the tokens of the patients that a version scored from `since` on, `until` included, in order."""
        scored = and_(_scored(model, version, since, until), predictions.c.patient.is_not(None))
        query = select(predictions.c.patient).where(scored).distinct().order_by(predictions.c.patient)
        with self._engine.connect() as connection:
            return list(connection.scalars(query))

    def scored_without_patient(self, model: str, version: int, *, since: datetime, until: datetime) -> int:
        """Return how many scores of a version name no patient, because the client did not."""
        scored = and_(_scored(model, version, since, until), predictions.c.patient.is_(None))
        with self._engine.connect() as connection:
            return connection.scalar(select(func.count()).select_from(predictions).where(scored)) or 0

    def find(self, prediction_id: str) -> Prediction | None:
        """Return the prediction with this id."""
        query = select(predictions).where(predictions.c.prediction_id == prediction_id)
        with self._engine.connect() as connection:
            row = connection.execute(query).mappings().first()
        return Prediction(**row) if row else None


def _scored(model: str, version: int, since: datetime, until: datetime | None) -> ColumnElement[bool]:
    told = (predictions.c.model == model) & (predictions.c.version == version) & (predictions.c.status == "scored")
    told &= predictions.c.at >= since
    return told & (predictions.c.at <= until) if until else told
