"""A file's scoring as a job: its work stands in parts on disk, so that it goes on after a kill where it stopped."""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import msgspec

from caregate.clock import Clock
from caregate.errors import Refused
from caregate.settings import Settings
from governance.ledger import digest_of
from governance.prediction_batches import PredictionBatches, new_batch_id

STARTED = "job.json"


class JobRuns(Refused):
    """Another process is at the same file already."""

    def __init__(self) -> None:
        super().__init__("this file is being scored by another process already: wait until it ends")


class _Started(msgspec.Struct, frozen=True):
    batch: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Job:
    """One file asked of one version.

    Attributes
    ----------
    folder
        Where its work stands, open to the owner alone: tokens, features and sealed record ids.
    batch
        Random; names the file's predictions.
    at
        When it was begun, by whichever process.
    """

    folder: Path
    batch: str
    at: datetime

    def part(self, kind: str, number: int, suffix: str = ".parquet") -> Path:
        """Return the place of a part of some kind of work; its folder is there."""
        folder = self.folder / kind
        folder.mkdir(exist_ok=True)
        return folder / f"{number:06}{suffix}"

    def forget(self, kind: str) -> None:
        """Remove the parts of some kind of work."""
        shutil.rmtree(self.folder / kind, ignore_errors=True)


def scoring_folder(settings: Settings) -> Path:
    """Return the folder of the jobs of a home, open to its owner alone."""
    folder = settings.home.resolve() / "scoring"
    folder.mkdir(mode=0o700, exist_ok=True)
    return folder


@contextmanager
def open_job(settings: Settings, facts: Mapping[str, Any], clock: Clock) -> Iterator[Job]:
    """Begin the job that `facts` describe, or take up what is left of it; it is gone when the block ends well.

    Raises
    ------
    JobRuns
        If another process is at it.
    """
    root = scoring_folder(settings)
    folder = root / digest_of(dict(facts)).removeprefix("sha256:")[:32]
    folder.mkdir(mode=0o700, exist_ok=True)
    lock = os.open(folder, os.O_RDONLY)
    try:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise JobRuns from None
        started = _started(folder, clock)
        yield Job(folder, started.batch, started.at)
        shutil.rmtree(folder)
    finally:
        os.close(lock)


def remove_unfinished(settings: Settings, before: datetime) -> None:
    """Remove the work of jobs that were begun before `before`, and what they predicted; not of those that run."""
    batches = PredictionBatches(settings)
    for path in sorted(scoring_folder(settings).glob(f"*/{STARTED}")):
        started = msgspec.json.decode(path.read_bytes(), type=_Started)
        if started.at < before and _remove(path.parent):
            batches.abandon(started.batch)


def _remove(folder: Path) -> bool:
    lock = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        shutil.rmtree(folder)
    except BlockingIOError:
        return False
    finally:
        os.close(lock)
    return True


def _started(folder: Path, clock: Clock) -> _Started:
    path = folder / STARTED
    if not path.exists():
        aside = folder / f".{STARTED}"
        aside.write_bytes(msgspec.json.encode(_Started(new_batch_id(), clock())))
        aside.replace(path)
    return msgspec.json.decode(path.read_bytes(), type=_Started)
