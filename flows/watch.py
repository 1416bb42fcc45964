"""Runs the promote flow as soon as a verdict is in the ledger: ``python -m flows.watch``, started by `caregate up`.

It looks at the ledger's last verdict twice a second instead of waiting for MLflow's webhook: that is one indexed row,
it cannot get lost, and it sees what the server recorded even if the server died right after. The flow runs in this
process, which is warm; a worker would take five seconds to start it. Beside it a thread keeps what was changed past the
server from lasting, another tells people what waits for them, and a third looks at how clients use the scoring API.
"""

from __future__ import annotations

import logging
import signal
import threading
import time
from collections.abc import Callable

from prefect.settings import PREFECT_FLOWS_HEARTBEAT_FREQUENCY, temporary_settings

import registry.connection  # noqa: F401  MLflow is imported now, not at the first approval
from caregate.settings import Settings, load_settings
from flows.outcome import outcome_of
from flows.promote import promote
from governance.database import ledger_database
from monitoring.access import watching_access
from registry.approvals import VersionKey, last_verdict
from registry.notices.announcing import announcing
from registry.promotion import pending_promotions
from registry.vigil import keeping_vigil

LOOK_SECONDS = 0.5
AGAIN_SECONDS = 30.0
"""How long after a promotion that failed the next try is made."""

log = logging.getLogger("caregate.watch")


def run_promotion(model: str, version: int) -> None:
    """Run the promote flow in this process; an error that it ends with is raised as it is."""
    outcome_of(promote, {"model": model, "version": version})


def watch(settings: Settings, stop: threading.Event, run: Callable[[str, int], object] = run_promotion) -> None:
    """Promote what is approved until `stop` is set.

    Parameters
    ----------
    settings
        Of the home.
    stop
        Set to end.
    run
        What promotes.
    """
    ledger = ledger_database(settings)
    seen, due = -1, 0.0
    while not stop.is_set():
        last = last_verdict(ledger)
        if last != seen or time.monotonic() >= due:
            seen, due = last, time.monotonic() + AGAIN_SECONDS
            for key in pending_promotions(settings):
                _try(run, key)
        stop.wait(LOOK_SECONDS)


def _try(run: Callable[[str, int], object], key: VersionKey) -> None:
    try:
        run(key.model, key.version)
    except Exception:  # whatever it was, the next approval must still be seen
        log.exception("promotion of %s failed and is tried again in %.0f seconds", key.subject, AGAIN_SECONDS)


def main() -> None:
    """Watch until told to stop."""
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    # Prefect joins a heartbeat thread for a second after every flow.
    with temporary_settings({PREFECT_FLOWS_HEARTBEAT_FREQUENCY: None}):
        settings = load_settings()
        with keeping_vigil(settings), announcing(settings), watching_access(settings):
            watch(settings, stop)


if __name__ == "__main__":
    main()
