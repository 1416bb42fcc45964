"""Whether an event is what it says to be: pure functions over its headers and its body."""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Iterable, Mapping
from datetime import datetime

HOOK_SECRET, HOOK_SIGNATURE = "x-hook-secret", "x-hook-signature"
MESSAGE_ID, MESSAGE_TIME, MESSAGE_SIGNATURE = "webhook-id", "webhook-timestamp", "webhook-signature"
VERSION = "v1,"
LONGEST_ID = 100


def is_capability(found: str, key: str) -> bool:
    """Tell whether `found`, of an address, is the key that only the registered address holds."""
    return hmac.compare_digest(found.encode(), key.encode())


def is_signed(headers: Mapping[str, str], body: bytes, secrets: Iterable[str]) -> bool:
    """Tell whether ``X-Hook-Signature`` is the HMAC-SHA256 of `body` by one of `secrets`, in hex or base64."""
    found = headers.get(HOOK_SIGNATURE, "").strip().encode()
    holds = False
    for secret in secrets:
        digest = hmac.digest(secret.encode(), body, "sha256")
        holds |= hmac.compare_digest(found.lower(), digest.hex().encode())
        holds |= hmac.compare_digest(found, base64.b64encode(digest))
    return holds


def message_id(headers: Mapping[str, str], body: bytes, secret: str, *, now: datetime, tolerance: float) -> str | None:
    """Return the id of a message that is signed as Standard Webhooks 1.0 says, None where it is not.

    Parameters
    ----------
    tolerance
        Seconds that its timestamp may lie before or after `now`.
    """
    identifier, told = headers.get(MESSAGE_ID, ""), headers.get(MESSAGE_TIME, "")
    if not 0 < len(identifier) <= LONGEST_ID or not told.isdecimal() or len(told) > 11:
        return None
    signed = f"{identifier}.{told}.".encode() + body
    expected = base64.b64encode(hmac.digest(secret.encode(), signed, "sha256"))
    found = headers.get(MESSAGE_SIGNATURE, "").split()
    holds = [hmac.compare_digest(part.encode(), VERSION.encode() + expected) for part in found]
    in_time = abs(now.timestamp() - int(told)) <= tolerance
    return identifier if any(holds) and in_time else None


def content_id(body: bytes) -> str:
    """Return the id of an event that names none: the same body is the same event."""
    return hashlib.sha256(body).hexdigest()
