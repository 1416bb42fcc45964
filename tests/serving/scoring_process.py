"""A process that scores a file by a version in a folder, and is killed after some writes where it is told to."""

from __future__ import annotations

import os
import signal
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

from caregate.settings import Settings
from governance.prediction_batches import write_part
from serving.batches import files, stages
from tests.serving.clinic import champion


def main(home: str, folder: str, location: str, output: str, writes: str) -> None:
    """Score `location`; the process gets SIGKILL before write number `writes`, unless that is 0."""
    version = champion(Path(folder), 1, datetime.now(UTC) + timedelta(days=9))
    files.RegistryChampions.champion = lambda *_: version
    left = [int(writes)]

    def counted(write):
        def at_most(rows, path):
            left[0] -= 1
            if left[0] == 0:
                os.kill(os.getpid(), signal.SIGKILL)
            write(rows, path)

        return at_most

    stages._write_aside, stages.write_part = map(counted, (stages._write_aside, write_part))
    settings = Settings(home=Path(home), user="tester", threads=2)
    files.score_file(
        settings, "no-show", source="parquet", location=Path(location), output=Path(output), by="ada", rows=200
    )


if __name__ == "__main__":
    main(*sys.argv[1:])
