"""Running a flow in this process, for the command line: quiet, and without the wait of a heartbeat."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

from prefect import Flow
from prefect.logging.handlers import PrefectConsoleHandler
from prefect.settings import PREFECT_FLOWS_HEARTBEAT_FREQUENCY, temporary_settings

from flows.acting import started_by
from flows.outcome import outcome_of
from flows.progress import Listener, heard_by
from registry.authorship import Author


def run_here(flow: Flow[..., Any], parameters: Mapping[str, Any], *, author: Author, listener: Listener) -> Any:
    """Run `flow` for `author` and return its result; an error that it ends with is raised as it is.

    A synchronous flow waits a second for its heartbeat thread at the end; a process that is watched by the person who
    started it needs none.
    """
    _keep_off_the_terminal()
    with temporary_settings({PREFECT_FLOWS_HEARTBEAT_FREQUENCY: None}), heard_by(listener), started_by(author):
        return outcome_of(flow, parameters)


def _keep_off_the_terminal() -> None:
    """Leave Prefect's log lines to its server: the command line says in one line what went wrong."""
    for name in ("", *logging.root.manager.loggerDict):
        logger = logging.getLogger(name)
        logger.handlers = [item for item in logger.handlers if not isinstance(item, PrefectConsoleHandler)]
