"""The HTTP server: on loopback or by TLS, without an access log, and finished with its answers before it ends."""

from __future__ import annotations

from threading import Event, Timer
from types import FrameType

import uvicorn
from starlette.types import ASGIApp

from serving.connection import Connection
from serving.policy import Shutdown
from serving.tls import Certificate

HOST = "127.0.0.1"


def server_config(
    app: ASGIApp, port: int, shutdown: Shutdown, *, host: str = HOST, certificate: Certificate | None = None
) -> uvicorn.Config:
    """Return how `app` is served on `port`: on loopback, or on another host with the certificate that it shows."""
    return uvicorn.Config(
        app,
        host=host,
        ssl_context_factory=None if certificate is None else lambda _config, _default: certificate.context(),
        port=port,
        loop="uvloop",
        http=Connection,
        ws="none",
        access_log=False,
        server_header=False,
        proxy_headers=False,  # what a client says of its own address is not believed
        log_config=None,
        lifespan="off",
        timeout_graceful_shutdown=shutdown.grace_seconds,
    )


class ScoringServer(uvicorn.Server):
    """A server that says for a moment that it is leaving, before it stops to take connections.

    Parameters
    ----------
    config
        What is served.
    leaving
        Set as soon as it is told to stop.
    shutdown
        How long it goes on after that.
    """

    def __init__(self, config: uvicorn.Config, leaving: Event, shutdown: Shutdown) -> None:
        super().__init__(config)
        self._leaving = leaving
        self._notice = shutdown.notice_seconds

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Leave when the notice is over; told a second time, at once."""
        if self._leaving.is_set():
            super().handle_exit(sig, frame)
            return
        self._leaving.set()
        timer = Timer(self._notice, super().handle_exit, (sig, frame))
        timer.daemon = True
        timer.start()
