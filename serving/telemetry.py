"""Traces by OpenTelemetry: off unless a collector is named, and then sent there alone.

A span says what was done and how long it took; it holds no value of a record, no id of the CRM and no key.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import AbstractContextManager, nullcontext

from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import SERVICE_NAME, Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter
from opentelemetry.sdk.trace.sampling import ParentBased, TraceIdRatioBased
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

TRACEPARENT = b"traceparent"
NOTHING: AbstractContextManager[None] = nullcontext()
_parents = TraceContextTextMapPropagator()


class _Tracing:
    """The tracer of the process, if it traces."""

    tracer: trace.Tracer | None = None


class Traces:
    """Spans of this process on their way to a collector.

    Parameters
    ----------
    exporter
        Takes them there.
    share
        Of the requests that come without a trace of their own; one that comes with a trace follows its caller's word.
    """

    def __init__(self, exporter: SpanExporter, share: float) -> None:
        resource = Resource({SERVICE_NAME: "caregate-scoring"})
        self._provider = TracerProvider(
            resource=resource, sampler=ParentBased(TraceIdRatioBased(share)), shutdown_on_exit=False
        )
        self._provider.add_span_processor(BatchSpanProcessor(exporter))

    @classmethod
    def to(cls, url: str, share: float) -> Traces:
        """Return traces that go to the OTLP endpoint at `url`, over HTTP."""
        return cls(OTLPSpanExporter(endpoint=url, headers={}), share)

    def start(self) -> None:
        """Trace from now on."""
        _Tracing.tracer = self._provider.get_tracer("caregate.serving")

    def stop(self) -> None:
        """Trace no more, and send what waits."""
        _Tracing.tracer = None
        self._provider.shutdown()


def span(name: str) -> AbstractContextManager[object]:
    """Return a span of the request that is being answered; nothing where nothing is traced."""
    tracer = _Tracing.tracer
    return NOTHING if tracer is None else tracer.start_as_current_span(name, record_exception=False)


def request_span(headers: Iterable[tuple[bytes, bytes]]) -> AbstractContextManager[trace.Span | None]:
    """Return the span of a request, under its caller's where it names one by W3C Trace Context."""
    tracer = _Tracing.tracer
    if tracer is None:
        return NOTHING
    sent: Mapping[str, str] = {name.decode(): value.decode("latin-1") for name, value in headers if name == TRACEPARENT}
    return tracer.start_as_current_span(
        "request",
        context=_parents.extract(sent),
        kind=trace.SpanKind.SERVER,
        record_exception=False,
        set_status_on_exception=False,
    )
