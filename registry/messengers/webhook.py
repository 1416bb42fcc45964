"""Tells a program by HTTP: one POST of JSON, signed as Standard Webhooks 1.0 says (webhook-id, -timestamp, -signature).

The address is resolved once, looked at, and then connected to as it was looked at: a name that answers with another
address the second time leads nowhere else.
"""

from __future__ import annotations

import base64
import hmac
import ipaddress
import json
import socket
from collections.abc import Callable
from typing import Any

import httpx

from caregate.notice_settings import WebhookSettings
from governance.people import Role
from registry.messengers.message import Message, NotDelivered

NAME = "webhook"
PREFIX = "whsec_"
LOOPBACK = ("127.0.0.1", "::1", "localhost")


class Webhook:
    """Posts to one address.

    Parameters
    ----------
    settings
        The address, and whether it may be a private one.
    secret
        Returns what signs, as it stands now.
    timeout
        Seconds that connecting, sending and each part of the answer may take.
    """

    name = NAME

    def __init__(self, settings: WebhookSettings, secret: Callable[[], bytes], timeout: float) -> None:
        self._settings = settings
        self._secret = secret
        self._timeout = timeout

    def reaches(self, roles: tuple[Role, ...]) -> bool:
        """Tell whether somebody listens: a program does, whatever the roles."""
        return bool(roles)

    def send(self, message: Message) -> None:
        """Post `message`; it is delivered once the other side answered 2xx."""
        url = httpx.URL(self._settings.url)
        address = self._looked_at(url)
        body = _body(message)
        headers = _signed(message, body, self._secret()) | {"host": url.netloc.decode()}
        try:
            with (
                httpx.Client(trust_env=False, follow_redirects=False, timeout=self._timeout) as client,
                client.stream(
                    "POST",
                    url.copy_with(host=address),
                    content=body,
                    headers=headers,
                    extensions={"sni_hostname": url.host},
                ) as answer,
            ):
                status = answer.status_code
        except httpx.TimeoutException as error:
            raise NotDelivered(NAME, f"the address took longer than {self._timeout:g} seconds") from error
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise NotDelivered(NAME, "the address cannot be reached, or its certificate not trusted") from error
        if not httpx.codes.is_success(status):
            raise NotDelivered(NAME, f"the address answered {status}")

    def _looked_at(self, url: httpx.URL) -> str:
        """Return an address of `url` that may be connected to."""
        on_this_machine = url.host in LOOPBACK
        if url.scheme != "https" and not on_this_machine:
            raise NotDelivered(NAME, "its url has to begin with https://, except for this machine's own 127.0.0.1")
        found = _resolved(url)
        private = [item for item in found if not _is_public(item)]
        if private and not on_this_machine and not self._settings.allow_private:
            raise NotDelivered(NAME, "its url leads into a private network, which allow_private has to allow")
        if on_this_machine and not all(ipaddress.ip_address(item).is_loopback for item in found):
            raise NotDelivered(NAME, "its url names this machine and leads to another")
        return found[0]


def read_key(text: str) -> bytes:
    """Return the key that a secret's text stands for: ``whsec_`` and base64, or the text as it is.

    Raises
    ------
    NotDelivered
        If what follows ``whsec_`` is not base64.
    """
    if not text.startswith(PREFIX):
        return text.encode()
    try:
        return base64.b64decode(text.removeprefix(PREFIX), validate=True)
    except ValueError as error:
        raise NotDelivered(NAME, f"what follows {PREFIX} in its secret is not base64") from error


def signature(key: bytes, name: str, timestamp: str, body: bytes) -> str:
    """Return ``v1,`` and the base64 of the HMAC-SHA256 of ``name.timestamp.body``."""
    signed = f"{name}.{timestamp}.".encode() + body
    return "v1," + base64.b64encode(hmac.digest(key, signed, "sha256")).decode()


def _signed(message: Message, body: bytes, key: bytes) -> dict[str, str]:
    timestamp = str(int(message.at.timestamp()))
    return {
        "content-type": "application/json",
        "user-agent": "caregate",
        "webhook-id": message.name,
        "webhook-timestamp": timestamp,
        "webhook-signature": signature(key, message.name, timestamp, body),
    }


def _body(message: Message) -> bytes:
    said: dict[str, Any] = {
        "id": message.name,
        "kind": message.kind,
        "subject": message.subject,
        "title": message.title,
        "text": f"{message.title}\n{message.text}",
        "roles": [role.value for role in message.roles],
        "links": dict(message.links),
        "at": message.at.isoformat(timespec="seconds"),
    }
    return json.dumps(said, ensure_ascii=False).encode()


def _resolved(url: httpx.URL) -> list[str]:
    port = url.port or {"http": 80, "https": 443}[url.scheme]
    try:
        found = socket.getaddrinfo(url.host, port, type=socket.SOCK_STREAM)
    except OSError as error:
        raise NotDelivered(NAME, "the name in its url is unknown") from error
    return [str(item[4][0]) for item in found]


def _is_public(address: str) -> bool:
    found = ipaddress.ip_address(address)
    inner = getattr(found, "ipv4_mapped", None) or found
    return bool(inner.is_global and not inner.is_multicast)
