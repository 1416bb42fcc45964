"""Files as targets: the columns that `caregate score` writes, without the rows that may not go out."""

from __future__ import annotations

import hashlib
import secrets
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import msgspec
import polars as pl

from caregate.clock import Clock
from caregate.errors import BadInput
from crm.spreadsheets import unarmed
from crm.write_back.policy import Text
from crm.write_back.receivers import Receiver
from crm.write_back.rows import SCORED
from crm.write_back.store import Content, Form, State, WriteBack, WriteBacks
from crm.write_back.undoing import CONFLICT, NOT_THERE, UNDONE
from crm.write_back.writing import ALREADY, WROTE, Order

SCHEMA = pl.Schema(
    {
        "record_id": pl.String(),
        "status": pl.String(),
        "score": pl.Float64(),
        "band": pl.String(),
        "reasons": pl.String(),
        "model_version": pl.Int64(),
        "why": pl.String(),
    }
)
FORMS: Mapping[str, Callable[[pl.DataFrame, Path], object]] = {
    "csv": lambda frame, path: unarmed(frame).write_csv(path),
    "parquet": lambda frame, path: frame.write_parquet(path),
}


class OutputNeeded(BadInput):
    """A file is the target, and its place is not said, or holds something else."""

    def __init__(self, target: str) -> None:
        super().__init__(f"name the file with --output, ending in .{target}; a file that is there is not overwritten")


class ScoreFile:
    """Writes one file a batch, whole or not at all.

    Parameters
    ----------
    target
        ``csv`` or ``parquet``.
    store
        What was written before.
    policy
        Whether the number goes along.
    """

    def __init__(self, target: str, store: WriteBacks, policy: Text, *, clock: Clock) -> None:
        self._target = target
        self._store = store
        self._policy = policy
        self._clock = clock

    def write(self, order: Order, receivers: tuple[Receiver, ...], output: Path, marker: str) -> Counter[str]:
        """Write the rows to `output`, which may not be there, unless this very file was written before.

        Raises
        ------
        OutputNeeded
            If its name ends otherwise, or another file is there.
        """
        output = output.resolve()
        if output.suffix != f".{self._target}":
            raise OutputNeeded(self._target)
        aside = output.with_name(f".{output.name}.{secrets.token_hex(8)}")
        try:
            FORMS[self._target](self._frame(receivers), aside)
            digest = _digest(aside)
            if output.exists():
                if _digest(output) != digest:
                    raise OutputNeeded(self._target)
                return Counter({ALREADY: len(receivers)})
            step = self._step(order, receivers, Content(str(output), digest), marker)
            self._store.append(step)
            aside.replace(output)
            self._store.append(replace(step, state=State.WRITTEN, at=self._clock()))
        finally:
            aside.unlink(missing_ok=True)
        return Counter({WROTE: len(receivers)})

    def _frame(self, receivers: tuple[Receiver, ...]) -> pl.DataFrame:
        rows = [
            {
                "record_id": receiver.entry,
                "status": SCORED,
                "score": receiver.row.score if self._policy.score else None,
                "band": receiver.row.band,
                "reasons": msgspec.json.encode(
                    [{"text": text, "raised": up} for text, up in receiver.row.reasons]
                ).decode(),
                "model_version": receiver.row.version,
                "why": None,
            }
            for receiver in receivers
        ]
        return pl.DataFrame(rows, schema=SCHEMA)

    def _step(self, order: Order, receivers: tuple[Receiver, ...], content: Content, marker: str) -> WriteBack:
        return WriteBack(
            batch=order.batch,
            target=self._target,
            form=Form.FILE,
            model=order.wording.model,
            version=max((receiver.row.version for receiver in receivers), default=0),
            record="file",
            day=order.wording.day.isoformat(),
            state=State.PENDING,
            marker=marker,
            content=content,
            at=self._clock(),
            by=order.by,
        )


def undo_file(step: WriteBack, store: WriteBacks, *, clock: Clock, by: str) -> str:
    """Delete the file that `step` wrote, unless somebody has changed it since."""
    path = Path(step.content.entry)
    if not path.is_file():
        end = NOT_THERE
    elif _digest(path) == step.content.text:
        path.unlink()
        end = UNDONE
    else:
        end = CONFLICT
    state = State.CONFLICT if end == CONFLICT else State.UNDONE
    store.append(replace(step, state=state, at=clock(), by=by))
    return end


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return "sha256:" + hashlib.file_digest(file, "sha256").hexdigest()
