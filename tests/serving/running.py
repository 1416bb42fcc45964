"""An application on a real server of its own."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Thread
from time import sleep

import httpx
import uvicorn
from fastapi import FastAPI


@contextmanager
def running(app: FastAPI, **headers: str) -> Iterator[httpx.Client]:
    """Serve `app` on a free port, and yield a client of it."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        config = uvicorn.Config(app, log_config=None, access_log=False, lifespan="off", timeout_graceful_shutdown=2)
        server = uvicorn.Server(config)
        thread = Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
        thread.start()
        while not server.started:
            sleep(0.005)
        with httpx.Client(base_url=f"http://127.0.0.1:{listening.getsockname()[1]}", headers=headers) as client:
            yield client
        server.should_exit = True
        thread.join()
