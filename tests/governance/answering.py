"""Child processes of the journal's tests: ``python -m tests.governance.answering URL FOLDER KILLS``.

So many processes, one after the other, answer until they are killed; with none to kill, it answers until its file may
not grow, and once more.
"""

from __future__ import annotations

import os
import resource
import secrets
import sys
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from governance.database import open_database
from governance.journal_writer import JournalFull, JournalLimits
from governance.prediction_journal import PredictionJournal
from governance.predictions import Prediction

NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)
LIMITS = JournalLimits(
    segment_bytes=20_000, drain_seconds=0.01, sync_seconds=0.05, recover_seconds=0.05, most_waiting=100_000
)
REASONS = [{"feature": f"feature {number}", "text": "a feature in words", "contribution": 0.5} for number in range(5)]


def answer(name: str = "", **given: object) -> Prediction:
    values: dict[str, object] = {
        "prediction_id": name or secrets.token_urlsafe(16),
        "at": NOON,
        "model": "no-show",
        "version": 2,
        "client": "crm",
        "purpose": "reminders",
        "patient": "token-of-patient",
        "record": "token-of-record",
        "inputs_digest": "sha256:" + "0" * 64,
        "status": "scored",
        "score": 0.1 + 0.2,
        "band": "medium",
        "reasons": REASONS,
    }
    return Prediction(**values | given)  # type: ignore[arg-type]


def tell(rows: Sequence[Prediction]) -> None:
    """Say to the parent, by one write, that these rows were recorded."""
    os.write(1, "".join(f"{row.prediction_id}\n" for row in rows).encode())


def answer_until_killed(journal: PredictionJournal) -> None:
    while True:
        rows = [answer() for _ in range(1 + secrets.randbelow(4))]
        journal.append(rows)
        tell(rows)


def answer_until_full(journal: PredictionJournal) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, hard))
    try:
        while True:
            row = answer()
            journal.append([row])
            tell([row])
    except JournalFull:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    row = answer("after the disk had room")
    journal.append([row])
    tell([row])
    os._exit(0)


def be_killed(url: str, folder: Path, times: int) -> None:
    """Fork a process that answers, say when it is dead, and begin again; forking saves each the imports."""
    for _ in range(times):
        child = os.fork()
        if not child:
            os.write(1, f"{os.getpid()}\n".encode())
            answer_until_killed(PredictionJournal(folder, open_database(url), LIMITS))
        os.waitpid(child, 0)
        os.write(1, b"dead\n")


def main() -> None:
    url, folder, kills = sys.argv[1:]
    if int(kills):
        be_killed(url, Path(folder), int(kills))
        return
    undrained = replace(LIMITS, drain_seconds=1000, recover_seconds=1000)
    answer_until_full(PredictionJournal(Path(folder), open_database(url), undrained))


if __name__ == "__main__":
    main()
