"""A vendor's server on loopback: real HTTP, with what a test wants to go wrong."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any
from urllib.parse import parse_qsl, urlsplit


@dataclass(frozen=True)
class Asked:
    method: str
    path: str
    query: Mapping[str, str]
    authorization: str
    body: Any


@dataclass(frozen=True)
class Said:
    status: int
    body: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)


class FakeVendor:
    """Answers by `answer`; `drop_after` names writes that are carried out and never answered."""

    def __init__(self) -> None:
        self.address = ""
        self.asked: list[Asked] = []
        self.refusals: list[Said] = []
        self.drop_after: set[str] = set()

    def answer(self, asked: Asked) -> Said:
        raise NotImplementedError

    def name_of(self, asked: Asked) -> str:
        return asked.method

    def writes(self) -> list[str]:
        return [name for name in map(self.name_of, self.asked) if name in self.WRITES]

    WRITES: frozenset[str] = frozenset()

    @contextmanager
    def running(self) -> Iterator[None]:
        server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        server.daemon_threads = True
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        thread.start()
        self.address = f"http://127.0.0.1:{server.server_port}"
        yield
        server.shutdown()
        server.server_close()
        thread.join()


def _handler(vendor: FakeVendor) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_: object) -> None:
            pass

        def _serve(self) -> None:
            parts = urlsplit(self.path)
            raw = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            asked = Asked(
                self.command,
                parts.path,
                dict(parse_qsl(parts.query)),
                self.headers.get("Authorization", ""),
                json.loads(raw) if raw else None,
            )
            vendor.asked.append(asked)
            said = vendor.refusals.pop(0) if vendor.refusals else vendor.answer(asked)
            if vendor.name_of(asked) in vendor.drop_after and said.status < 300:
                vendor.drop_after.discard(vendor.name_of(asked))
                self.close_connection = True
                return
            body = b"" if said.body is None else json.dumps(said.body).encode()
            self.send_response(said.status)
            for name, value in {**said.headers, "Content-Length": str(len(body))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        do_GET = do_POST = do_PUT = do_DELETE = _serve  # noqa: N815

    return Handler
