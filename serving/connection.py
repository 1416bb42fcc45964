"""A connection: whoever sends no whole request, or a head without end, loses it before anything of a key is asked."""

from __future__ import annotations

import asyncio
import resource
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

HEAD_SECONDS = 10.0
"""A head fits into a few packets; who takes longer would hold the connection for ever."""
HEAD_BYTES = 65_536
"""What common servers take for a head at the most."""
FRAMING_BYTES = 1 << 20
"""What chunks and trailers may have beside the bytes of a body."""
BUSY = object()


class Connection(HttpToolsProtocol):
    """uvicorn's protocol, with limits that it does not have: of time, of bytes and of connections."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Take the connection, unless half of the files that the process may open are connections already."""
        super().connection_made(transport)
        self._beside = 0
        self._timer = self.loop.call_later(HEAD_SECONDS, self._look, None)
        if len(self.connections) > resource.getrlimit(resource.RLIMIT_NOFILE)[0] // 2:
            transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        """Let it go."""
        self._timer.cancel()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Read on, and count what is no body."""
        self._beside += len(data)
        super().data_received(data)
        if self._beside > (HEAD_BYTES if self._is_idle else FRAMING_BYTES):
            self.transport.abort()

    def on_message_begin(self) -> None:
        """Count anew."""
        self._beside = 0
        super().on_message_begin()

    def on_body(self, body: bytes) -> None:
        """Leave the body to its own limit."""
        self._beside -= len(body)
        super().on_body(body)

    @property
    def _is_idle(self) -> bool:
        return self.cycle is None or self.cycle.response_complete

    def _look(self, before: Any) -> None:
        """Close the connection where no request has begun to be answered since the last look."""
        if self._is_idle and self.cycle is before:
            self.transport.abort()
            return
        self._timer = self.loop.call_later(HEAD_SECONDS, self._look, self.cycle if self._is_idle else BUSY)
