"""The HTTP server: on loopback, without an access log, and finished with its answers before it ends."""

from __future__ import annotations

import uvicorn
from fastapi import FastAPI

from serving.policy import Shutdown

HOST = "127.0.0.1"


def server_config(app: FastAPI, port: int, shutdown: Shutdown) -> uvicorn.Config:
    """Return how `app` is served on loopback `port`."""
    return uvicorn.Config(
        app,
        host=HOST,
        port=port,
        access_log=False,
        server_header=False,
        log_config=None,
        lifespan="off",
        timeout_graceful_shutdown=shutdown.grace_seconds,
    )
