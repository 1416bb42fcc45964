"""The addresses under which people reach the MLflow server: loopback, and the public one behind a proxy."""

from __future__ import annotations

from urllib.parse import urlsplit

LOOPBACK = ("127.0.0.1", "localhost")


def own_hosts(port: int, public_url: str | None) -> list[str]:
    """Return the Host headers of requests that mean this server."""
    public = [urlsplit(public_url).netloc] if public_url else []
    return [*(f"{name}:{port}" for name in LOOPBACK), *public]


def origins_of(hosts: list[str], public_url: str | None) -> list[str]:
    """Return the origins of the server's own pages, a page of the public address only by the scheme that it has."""
    public = urlsplit(public_url).netloc if public_url else None
    local = [f"http://{host}" for host in hosts if host != public]
    return [*local, public_url] if public_url else local
