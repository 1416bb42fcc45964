"""Processes that are made to be killed: children of one that has imported the registry, which takes seconds."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from caregate.settings import Settings
from registry.launch import home_environment

ROOT = Path(__file__).parents[2]
WARM = """
import json, os, sys, traceback
import registry.connection, registry.promotion, registry.registering, tests.registry.toys
for line in sys.stdin:
    told = json.loads(line)
    child = os.fork()  # nothing is open yet and no thread runs
    if child == 0:
        os.dup2(2, 1)
        os.environ.update(told["environment"])
        sys.argv = ["-c", *told["arguments"]]
        try:
            exec(told["code"], {"__name__": "__main__"})
        except BaseException:
            traceback.print_exc()
            os._exit(1)
        os._exit(0)
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
"""


@dataclass(frozen=True)
class Parent:
    """A process that runs code in children of its own."""

    told: IO[str]
    ended: IO[str]

    def run(self, home: Settings, code: str, *arguments: str) -> int:
        """Run `code` in a new process of `home`, and return how it ended, as `subprocess` says it."""
        order = {"environment": home_environment(home), "code": code, "arguments": arguments}
        self.told.write(json.dumps(order) + "\n")
        self.told.flush()
        return int(self.ended.readline())


@contextmanager
def warm_parent() -> Iterator[Parent]:
    """Run the parent until the block ends."""
    command = [sys.executable, "-c", WARM]
    with subprocess.Popen(command, cwd=ROOT, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        yield Parent(process.stdin, process.stdout)
        process.stdin.close()
