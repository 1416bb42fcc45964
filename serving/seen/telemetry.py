"""Spans of the request that is being answered; where nothing is traced, nothing is made and nothing imported.

A span says what was done and how long it took; it holds no value of a record, no id of the CRM and no key.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any, Protocol

NOTHING: AbstractContextManager[Any] = nullcontext()


class Tracer(Protocol):
    """Makes spans."""

    def span(self, name: str) -> AbstractContextManager[Any]:
        """Return a span under the one that is open."""

    def request(self, headers: Iterable[tuple[bytes, bytes]]) -> AbstractContextManager[Any]:
        """Return the span of a request with these headers."""


class _Process:
    """What this process traces by, if it does."""

    tracer: Tracer | None = None


def span(name: str) -> AbstractContextManager[Any]:
    """Return a span of the request that is being answered."""
    tracer = _Process.tracer
    return NOTHING if tracer is None else tracer.span(name)


def request_span(headers: Iterable[tuple[bytes, bytes]]) -> AbstractContextManager[Any]:
    """Return the span of a request, under its caller's where it names one; of nothing where nothing is traced."""
    tracer = _Process.tracer
    return NOTHING if tracer is None else tracer.request(headers)


@contextmanager
def tracing(url: str | None, share: float) -> Iterator[None]:
    """Trace this process to the OTLP endpoint at `url` until the block ends; without one, do nothing.

    Parameters
    ----------
    url
        Of a collector on the operator's network.
    share
        Of the requests that come without a trace of their own.
    """
    if url is None:
        yield
        return
    from serving.seen.traces import Traces

    traces = Traces.to(url, share)
    _Process.tracer = traces
    try:
        yield
    finally:
        _Process.tracer = None
        traces.close()


@contextmanager
def tracing_by(tracer: Tracer) -> Iterator[None]:
    """Trace this process by `tracer` until the block ends."""
    _Process.tracer = tracer
    try:
        yield
    finally:
        _Process.tracer = None
