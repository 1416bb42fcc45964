"""A gateway as an operator runs one: checks the signature, knows a message by its idempotency key."""

from __future__ import annotations

import base64
import hmac
import json
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

SECRET = b"a-secret-of-the-gateway"


class Gateway(ThreadingHTTPServer):
    """Takes messages; `answers` are the states that it gives first, before 202."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.answers: list[int] = []
        self.posts: list[str] = []
        self.taken: dict[str, dict] = {}
        self.forged = 0
        self.paths: list[str] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/messages"


class _Handler(BaseHTTPRequestHandler):
    server: Gateway

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        self.server.paths.append(self.path)
        key = self.headers["idempotency-key"]
        self.server.posts.append(key)
        status = self.server.answers.pop(0) if self.server.answers else 202
        if not self._is_signed(body):
            self.server.forged += 1
            status = 401
        if status == 202:
            self.server.taken.setdefault(key, json.loads(body))
        self.send_response(status)
        if status == 307:
            self.send_header("location", f"{self.server.url}/elsewhere")
        self.send_header("content-length", "0")
        self.end_headers()

    def _is_signed(self, body: bytes) -> bool:
        named = ("webhook-id", "webhook-timestamp")
        signed = ".".join(self.headers[name] for name in named).encode() + b"." + body
        expected = "v1," + base64.b64encode(hmac.digest(SECRET, signed, "sha256")).decode()
        return hmac.compare_digest(expected, self.headers["webhook-signature"])

    def log_message(self, *_: object) -> None:
        return


@contextmanager
def running_gateway() -> Iterator[Gateway]:
    gateway = Gateway()
    thread = Thread(target=gateway.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    yield gateway
    gateway.shutdown()
    thread.join()
    gateway.server_close()
