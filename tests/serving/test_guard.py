"""What is seen of a request from outside: counts, a line where something went wrong, a span where traces are on."""

from __future__ import annotations

import io
import json
import logging
import re
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from types import SimpleNamespace

import anyio
import httpx
import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from starlette.responses import PlainTextResponse
from starlette.routing import Route, Router

from serving.guard import Guard
from serving.policy import Logs
from serving.problems import problem
from serving.seen.logs import OURS, write_json_lines
from serving.seen.metrics import Metrics
from serving.seen.telemetry import span, tracing, tracing_by
from serving.seen.traces import Traces
from serving.shelf import Standing

SECRET = "Mrs-Canary-1947"
PARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


class Shelf:
    """One model that answers, as far as a line tells of it."""

    def __init__(self) -> None:
        self.offers = {"no-show": None}

    def standing(self, _model: str) -> Standing:
        return SimpleNamespace(served=SimpleNamespace(version=3))


async def fine(_request):
    with span("features"):
        return PlainTextResponse("fine")


async def refused(_request):
    return problem(422, "Bad input", "no")


async def broken(_request):
    raise RuntimeError(SECRET)


ROUTES = Router(
    [
        Route("/fine", fine),
        Route("/v1/models/{model}/predictions", refused, methods=["POST"]),
        Route("/broken", broken),
    ]
)


@pytest.fixture
def log() -> Iterator[io.StringIO]:
    """What the service writes; afterwards logging is as it was."""
    root, stream = logging.getLogger(), io.StringIO()
    handlers, level = root.handlers[:], root.level
    write_json_lines(stream)
    yield stream
    root.handlers[:] = handlers
    root.setLevel(level)
    for name in OURS:
        logging.getLogger(name).setLevel(logging.NOTSET)


def lines(log: io.StringIO) -> list[dict]:
    return [json.loads(line) for line in log.getvalue().splitlines()]


class Asked:
    """An application under guard, asked in this process."""

    def __init__(self, *, slow_seconds: float = 60.0, lines_per_second: int = 100) -> None:
        self.metrics, self.shelf = Metrics(), Shelf()
        policy = Logs(slow_seconds=slow_seconds, lines_per_second=lines_per_second)
        self.app = Guard(ROUTES, metrics=self.metrics, shelf=self.shelf, policy=policy)

    def __call__(self, method: str, path: str, **options) -> httpx.Response:
        async def ask() -> httpx.Response:
            transport = httpx.ASGITransport(self.app)
            async with httpx.AsyncClient(transport=transport, base_url="http://service") as client:
                return await client.request(method, path, **options)

        return anyio.run(ask)


class TestLines:
    def test_what_was_answered_well_leaves_none(self, log):
        assert Asked()("GET", "/fine").status_code == 200
        assert log.getvalue() == ""

    def test_a_refusal_leaves_one_that_names_route_model_and_version(self, log):
        reply = Asked()("POST", "/v1/models/no-show/predictions")
        (line,) = [item for item in lines(log) if item["logger"] == "caregate.requests"]
        assert line.pop("ms") >= 0
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT[\d:.]+Z", line.pop("time"))
        assert line == {
            "event": "request refused",
            "level": "warning",
            "logger": "caregate.requests",
            "status": 422,
            "route": "/v1/models/{model}/predictions",
            "model": "no-show",
            "version": 3,
            "request_id": reply.headers["x-request-id"],
        }

    def test_a_slow_answer_leaves_one(self, log):
        Asked(slow_seconds=1e-9)("GET", "/fine")
        assert [line["event"] for line in lines(log)] == ["request slow"]

    def test_a_fault_names_its_place_and_never_its_words(self, log):
        reply = Asked()("GET", "/broken")
        assert reply.status_code == 500
        assert SECRET not in log.getvalue() + reply.text
        fault, line = lines(log)
        assert (line["event"], line["level"]) == ("request failed", "error")
        assert "RuntimeError" in fault["event"]
        assert fault["request_id"] == line["request_id"] == reply.headers["x-request-id"]

    def test_an_exception_that_a_library_logs_loses_its_words(self, log):
        try:
            raise ValueError(SECRET)
        except ValueError:
            logging.getLogger("library").exception("something went wrong")
        (line,) = lines(log)
        assert (line["event"], line["error"]) == ("something went wrong", "ValueError")
        assert SECRET not in log.getvalue()

    def test_nonsense_does_not_fill_the_disk(self, log):
        ask = Asked(lines_per_second=2)
        for _ in range(20):
            ask("POST", "/v1/models/no-show/predictions")
        assert len([line for line in lines(log) if line["event"] == "request refused"]) < 20

    @pytest.mark.parametrize(
        "request_of",
        [
            {"method": "GET", "path": f"/{SECRET}"},
            {"method": "POST", "path": f"/v1/models/{SECRET}/predictions"},
            {"method": "POST", "path": f"/v1/models/no-show/predictions?name={SECRET}"},
            {"method": "POST", "path": "/v1/models/no-show/predictions", "headers": {"User-Agent": SECRET}},
            {"method": "POST", "path": "/v1/models/no-show/predictions", "headers": {"X-Request-Id": SECRET}},
            {"method": "POST", "path": "/v1/models/no-show/predictions", "headers": {"Authorization": SECRET}},
            {"method": "POST", "path": "/v1/models/no-show/predictions", "headers": {"Traceparent": SECRET}},
            {"method": "POST", "path": "/v1/models/no-show/predictions", "headers": {SECRET: SECRET}},
            {"method": "POST", "path": "/v1/models/no-show/predictions", "content": SECRET.encode()},
            {"method": SECRET, "path": "/fine"},
        ],
        ids=["path", "model", "query", "agent", "id", "key", "parent", "header", "body", "method"],
    )
    def test_nothing_that_a_request_brings_gets_into_the_log_or_the_metrics(self, log, request_of):
        ask = Asked()
        reply = ask(**request_of)
        assert reply.status_code >= 400
        assert log.getvalue()
        assert SECRET not in log.getvalue()
        assert SECRET not in ask.metrics.page(SimpleNamespace(offers={})).decode()


class TestRequestIds:
    @pytest.mark.parametrize("sent", ["0af7651916cd43dd8448eb211c80319c", "7b8b7d63-8f0b-4a26-9c87-5a6b8f3f2b11"])
    def test_one_of_the_callers_own_is_echoed(self, sent):
        assert Asked()("GET", "/fine", headers={"X-Request-Id": sent}).headers["x-request-id"] == sent

    @pytest.mark.parametrize("sent", ["", SECRET, "0612345678", "0af7651916cd43dd8448eb211c80319c0", "1" * 31])
    def test_anything_else_is_not(self, sent):
        drawn = Asked()("GET", "/fine", headers={"X-Request-Id": sent}).headers["x-request-id"]
        assert re.fullmatch("[0-9a-f]{32}", drawn)

    def test_no_two_are_the_same(self):
        ask = Asked()
        assert len({ask("GET", "/fine").headers["x-request-id"] for _ in range(5)}) == 5


class TestTraces:
    @pytest.fixture
    def spans(self) -> Iterator[Callable[[], tuple]]:
        """Spans are made from here on; called, it gives those that were."""
        exporter = InMemorySpanExporter()
        traces = Traces(exporter, share=0.0)

        def finished() -> tuple:
            traces.flush()
            return exporter.get_finished_spans()

        with tracing_by(traces):
            yield finished
        traces.close()

    def test_without_a_caller_that_traces_the_policy_decides(self, spans):
        Asked()("GET", "/fine")
        assert spans() == ()

    def test_a_callers_trace_goes_on(self, spans):
        Asked()("GET", f"/fine?name={SECRET}", headers={"traceparent": PARENT, "tracestate": f"a={SECRET}"})
        inner, outer = spans()
        assert (inner.name, outer.name) == ("features", "request")
        assert f"{outer.context.trace_id:032x}" == PARENT.split("-")[1]
        assert inner.parent.span_id == outer.context.span_id
        assert dict(outer.attributes) == {"http.route": "/fine", "http.response.status_code": 200}
        assert SECRET not in inner.to_json() + outer.to_json()

    def test_a_fault_says_nothing_in_its_span(self, spans):
        Asked()("GET", "/broken", headers={"traceparent": PARENT})
        (fault,) = spans()
        assert SECRET not in fault.to_json()

    def test_when_they_are_off_nothing_is_made(self):
        assert span("features") is span("write")

    def test_they_reach_a_collector_over_http(self):
        received: list[bytes] = []

        class Collector(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                received.append(self.rfile.read(int(self.headers["content-length"])))
                self.send_response(200)
                self.end_headers()

            def log_message(self, *_args) -> None:
                pass

        with HTTPServer(("127.0.0.1", 0), Collector) as server:
            threading.Thread(target=server.serve_forever, daemon=True).start()
            with tracing(f"http://127.0.0.1:{server.server_port}/v1/traces", share=1.0):
                Asked()("GET", "/fine")
            server.shutdown()
        message = ExportTraceServiceRequest()
        message.ParseFromString(b"".join(received))
        (resource,) = message.resource_spans
        assert [item.name for item in resource.scope_spans[0].spans] == ["features", "request"]
