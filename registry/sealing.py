"""Sealed claims: canonical JSON with an HMAC, so that whoever changes a character is found out."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Mapping
from typing import Any

from governance.ledger import canonical_json

SEAL = "seal"


def sealed(claims: Mapping[str, Any], key: bytes) -> dict[str, Any]:
    """Return `claims` with their seal."""
    return dict(claims) | {SEAL: _seal(claims, key)}


def unsealed(text: str, key: bytes) -> dict[str, Any] | None:
    """Return the claims that the JSON `text` holds, None where they do not carry the seal of `key`."""
    try:
        said = json.loads(text)
        claims = {name: value for name, value in said.items() if name != SEAL}
        holds = hmac.compare_digest(str(said[SEAL]).encode(), _seal(claims, key).encode())
    except (ValueError, AttributeError, KeyError, RecursionError):
        return None
    return claims if holds else None


def _seal(claims: Mapping[str, Any], key: bytes) -> str:
    return hmac.digest(key, canonical_json(dict(claims)).encode(), hashlib.sha256).hex()
