"""Traces by OpenTelemetry, sent to a collector that the operator named and nowhere else."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import AbstractContextManager

from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import SERVICE_NAME, Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter
from opentelemetry.sdk.trace.sampling import ParentBased, TraceIdRatioBased
from opentelemetry.trace import Span, SpanKind
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

TRACEPARENT = b"traceparent"


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
        sampler = ParentBased(TraceIdRatioBased(share))
        self._provider = TracerProvider(resource=resource, sampler=sampler, shutdown_on_exit=False)
        self._provider.add_span_processor(BatchSpanProcessor(exporter))
        self._tracer = self._provider.get_tracer("caregate.serving")
        self._parents = TraceContextTextMapPropagator()

    @classmethod
    def to(cls, url: str, share: float) -> Traces:
        """Return traces that go to the OTLP endpoint at `url`, over HTTP."""
        return cls(OTLPSpanExporter(endpoint=url), share)

    def span(self, name: str) -> AbstractContextManager[Span]:
        """Return a span under the one that is open; what is raised in it leaves no words there."""
        return self._tracer.start_as_current_span(name, record_exception=False, set_status_on_exception=False)

    def request(self, headers: Iterable[tuple[bytes, bytes]]) -> AbstractContextManager[Span]:
        """Return the span of a request, under its caller's by W3C Trace Context; `tracestate` is not carried on."""
        sent = {name.decode("latin-1"): value.decode("latin-1") for name, value in headers if name == TRACEPARENT}
        return self._tracer.start_as_current_span(
            "request",
            context=self._parents.extract(sent),
            kind=SpanKind.SERVER,
            record_exception=False,
            set_status_on_exception=False,
        )

    def flush(self) -> None:
        """Send what waits."""
        self._provider.force_flush()

    def close(self) -> None:
        """Send what waits, and end."""
        self._provider.shutdown()
