"""Predictions on record: in the table, in a journal that was not carried there yet, and in batches of files."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Collection
from pathlib import Path

from sqlalchemy import Engine, select

from governance.journal_segment import SUFFIX, drained_until
from governance.prediction_batches import PredictionBatches
from governance.predictions import Prediction
from governance.schema import predictions
from governance.vault import chunks

ID = re.compile(r"[A-Za-z0-9_-]{1,40}")
PATIENCE_SECONDS = 3.0
"""How long journals are waited for; each is carried into the table within a second."""
PAUSE_SECONDS = 0.02


class RecordedPredictions:
    """Finds predictions, those too that any process answered a moment ago.

    Parameters
    ----------
    engine
        The governance database.
    journals
        Folder of the journals of all processes.
    batches
        Predictions of files, where they count too.
    patience
        Seconds that they are waited for.
    wait
        Lets a time pass, in seconds.
    """

    def __init__(
        self,
        engine: Engine,
        journals: Path,
        batches: PredictionBatches | None = None,
        *,
        patience: float = PATIENCE_SECONDS,
        wait: Callable[[float], None] = time.sleep,
    ) -> None:
        self._engine = engine
        self._journals = journals
        self._batches = batches
        self._patience = patience
        self._wait = wait

    def find(self, prediction_id: str) -> Prediction | None:
        """Return the prediction of this id, None where there is none."""
        return self.find_all([prediction_id]).get(prediction_id)

    def find_all(self, prediction_ids: Collection[str]) -> dict[str, Prediction]:
        """Return the predictions of these ids; where the table lacks one, what waits in the journals is waited for."""
        asked = {item for item in prediction_ids if ID.fullmatch(item)}  # databases differ in what they take for text
        waiting = self._waiting()
        found = self._look_up(asked) | self._of_files(asked)
        missing = asked - found.keys()
        if not missing or not waiting:
            return found
        deadline = time.monotonic() + self._patience
        while waiting and time.monotonic() < deadline:
            self._wait(PAUSE_SECONDS)
            waiting = {path: end for path, end in waiting.items() if _is_before(drained_until(path), end)}
        return found | self._look_up(missing)

    def _look_up(self, prediction_ids: Collection[str]) -> dict[str, Prediction]:
        found: dict[str, Prediction] = {}
        with self._engine.connect() as connection:
            for chunk in chunks(sorted(prediction_ids)):
                query = select(predictions).where(predictions.c.prediction_id.in_(chunk))
                rows = connection.execute(query).mappings()
                found |= {row["prediction_id"]: Prediction(**row) for row in rows}
        return found

    def _of_files(self, prediction_ids: Collection[str]) -> dict[str, Prediction]:
        if self._batches is None:
            return {}
        found = {item: self._batches.find(item) for item in prediction_ids}
        return {item: prediction for item, prediction in found.items() if prediction is not None}

    def _waiting(self) -> dict[Path, int]:
        """Return the journals that hold rows which the table lacks, each with where it ends now."""
        ends = {path: _size(path) for path in self._journals.glob(f"*{SUFFIX}")}
        return {path: end for path, end in ends.items() if _is_before(drained_until(path), end)}


def _is_before(drained: int | None, end: int) -> bool:
    return drained is not None and drained < end


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0
