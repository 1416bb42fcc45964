"""Waits until its supervisor is gone, then ends what the supervisor started: ``python -m caregate.reaper MARK``."""

from __future__ import annotations

import signal
import sys

from caregate.processes import stop_marked


def main() -> None:
    """Read standard input to its end, which comes when the supervisor dies, and stop the stack."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    sys.stdin.buffer.read()
    stop_marked(sys.argv[1])


if __name__ == "__main__":
    main()
