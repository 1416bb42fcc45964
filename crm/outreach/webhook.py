"""The webhook: one signed POST a message to the operator's own gateway, which knows numbers and addresses.

Signed as Standard Webhooks 1.0 says: ``webhook-id``, ``webhook-timestamp`` and ``webhook-signature``, which is ``v1,``
and the base64 of the HMAC-SHA256 of ``id.timestamp.body``. The id is the idempotency key as well.
"""

from __future__ import annotations

import base64
import hmac
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import httpx
from tenacity import RetryError, Retrying, retry_if_exception_type, stop_after_attempt, wait_exponential
from tenacity.wait import wait_base

from caregate.clock import Clock, system_clock
from crm.outreach.channels import Capabilities, Message, Receipt
from crm.outreach.medium import Medium

WEBHOOK = "webhook"
ATTEMPTS = 3
PAUSES = wait_exponential(multiplier=0.5, max=4)
TOO_MANY, FAULT = 429, 500


@dataclass(frozen=True)
class Gateway:
    """Where messages of one way are posted to, and what signs them."""

    url: str
    secret: Callable[[], bytes]


class _TryAgain(Exception):
    """The gateway does not answer, or asks to wait."""


class Webhook:
    """Posts messages to the gateways of an operator.

    Parameters
    ----------
    gateways
        By the way that a message goes.
    timeout
        Seconds that connecting, sending and each part of the answer may take.
    clock
        Tells the moment of a signature.
    pauses
        Between attempts.
    """

    name = WEBHOOK

    def __init__(
        self,
        gateways: Mapping[Medium, Gateway],
        *,
        timeout: float = 10.0,
        clock: Clock = system_clock,
        pauses: wait_base = PAUSES,
    ) -> None:
        self._gateways = dict(gateways)
        self._clock = clock
        self._timeout = timeout
        self._pauses = pauses

    @property
    def capabilities(self) -> Capabilities:
        """The ways that have a gateway."""
        return Capabilities(frozenset(self._gateways), contacts=True)

    def deliver(self, message: Message) -> Receipt:
        """Post the message: 2xx takes it, and 3xx or 4xx refuse it for good.

        Whatever else happens, nobody knows whether it was taken.
        """
        attempts = Retrying(
            stop=stop_after_attempt(ATTEMPTS), wait=self._pauses, retry=retry_if_exception_type(_TryAgain)
        )
        try:
            status = attempts(self._post, self._gateways[message.medium], message)
        except RetryError:
            return Receipt.UNKNOWN
        return Receipt.ACCEPTED if httpx.codes.is_success(status) else Receipt.REFUSED

    def _post(self, gateway: Gateway, message: Message) -> int:
        body = _body(message)
        headers = signed_headers(gateway.secret(), message.message_id, int(self._clock().timestamp()), body)
        try:
            with httpx.Client(trust_env=False, follow_redirects=False, timeout=self._timeout) as client:
                status = client.post(gateway.url, content=body, headers=headers).status_code
        except httpx.HTTPError as error:
            raise _TryAgain from error
        if status >= FAULT or status == TOO_MANY:
            raise _TryAgain
        return status


def signed_headers(key: bytes, message_id: str, timestamp: int, body: bytes) -> dict[str, str]:
    """Return the headers of a post: what it is, and that it is ours."""
    signed = f"{message_id}.{timestamp}.".encode() + body
    signature = base64.b64encode(hmac.digest(key, signed, "sha256")).decode()
    return {
        "content-type": "application/json",
        "user-agent": "caregate",
        "idempotency-key": message_id,
        "webhook-id": message_id,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": f"v1,{signature}",
    }


def _body(message: Message) -> bytes:
    said = {
        "id": message.message_id,
        "channel": message.medium.value,
        "patient_id": message.patient_id,
        "record_id": message.record_id,
        "text": message.text,
        "language": message.language,
    }
    return json.dumps(said, ensure_ascii=False).encode()
