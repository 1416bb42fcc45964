"""The service's log: one JSON object a line, with nothing in it of a body, a key or a query."""

from __future__ import annotations

import logging
import re
import secrets
import sys
from collections.abc import MutableMapping
from contextvars import ContextVar
from itertools import count
from time import monotonic
from traceback import extract_tb
from typing import Any, Final, TextIO

import structlog

SENT = re.compile(rb"[0-9a-f]{32}|[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
"""A request's id as another system may have drawn it: 128 bits in hexadecimal, which hold no name and no number."""
OURS = ("caregate", "serving", "governance", "registry", "uvicorn")
"""Loggers whose plain information is worth a line."""
request_id: ContextVar[str] = ContextVar("request_id", default="")


def _add_request_id(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    found = request_id.get()
    if found:
        event["request_id"] = found
    return event


def _name_error(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Put an exception's type and places in the place of its text, which may hold values."""
    found = event.pop("exc_info", None)
    error = sys.exc_info()[1] if found is True else found[1] if isinstance(found, tuple) else found
    if isinstance(error, BaseException):
        event["error"] = type(error).__name__
        event["at"] = [f"{frame.filename}:{frame.lineno}" for frame in reversed(extract_tb(error.__traceback__))]
    return event


FACTS: Final[list[Any]] = [
    structlog.stdlib.add_log_level,
    structlog.stdlib.add_logger_name,
    structlog.processors.TimeStamper(fmt="iso", utc=True, key="time"),
    _add_request_id,
    _name_error,
]
"""What is added to every line."""
log: Final[structlog.stdlib.BoundLogger] = structlog.wrap_logger(
    logging.getLogger("caregate.requests"),
    processors=[structlog.stdlib.filter_by_level, *FACTS, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
    wrapper_class=structlog.stdlib.BoundLogger,
)


def write_json_lines(stream: TextIO = sys.stderr) -> None:
    """Let everything that this process logs be lines of JSON on `stream`; of other libraries their warnings alone."""
    lines = structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=FACTS,
        processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, structlog.processors.JSONRenderer()],
    )
    handler = logging.StreamHandler(stream)
    handler.setFormatter(lines)
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.WARNING)
    for name in OURS:
        logging.getLogger(name).setLevel(logging.INFO)


_process: Final = secrets.token_hex(8)
_requests: Final = count(secrets.randbits(32))
"""Ids have to be different, not secret: counting takes a tenth of the time of drawing."""


def id_of_request(sent: bytes | None) -> str:
    """Return the id that a request came with if it is one, else a new one."""
    if sent is not None and SENT.fullmatch(sent):
        return sent.decode()
    return f"{_process}{next(_requests):016x}"


class Lines:
    """Lines about requests that were refused, failed or slow, at most so many a second.

    Parameters
    ----------
    most_per_second
        What lies beyond is counted and told in one line: nobody fills the disk by sending nonsense.
    """

    def __init__(self, most_per_second: int) -> None:
        self._most = most_per_second
        self._second = 0
        self._lines = 0

    def write(self, event: str, status: int, **facts: Any) -> None:
        """Write a line, if there is room for one."""
        second = int(monotonic())
        if second != self._second:
            if self._lines > self._most:
                log.warning("lines left out", lines=self._lines - self._most)
            self._second, self._lines = second, 0
        self._lines += 1
        if self._lines <= self._most:
            level = logging.ERROR if status >= 500 else logging.WARNING
            log.log(level, event, status=status, **facts)
