"""A key of a client of the scoring API, as the lines of the ledger tell of it.

A key is ``cg_``, a public id that lists and logs call it by, and 256 random bits. Only the SHA-256 of the whole is
kept: a slow hash guards words that can be guessed, and nobody guesses 256 bits.
"""

from __future__ import annotations

import hashlib
import re
import secrets
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from caregate.errors import BadInput
from governance.ledger import Act
from governance.people import ADDED, DISABLED

ISSUED, REVOKED = "key.issue", "key.revoke"
ACTS = (ISSUED, REVOKED, ADDED, DISABLED)
"""Acts of the ledger that decide which keys stand."""
FORM = re.compile(r"cg_(?P<key_id>[0-9a-f]{12})_[A-Za-z0-9_-]{43}")


class Scope(StrEnum):
    """What a key opens."""

    INCIDENT = "incidents:write"
    DESCRIBE = "models:read"
    OUTCOME = "outcomes:write"
    REVIEW = "reviews:write"
    SCORE = "scores:ask"
    WORKLIST = "worklists:read"


class UnknownScope(BadInput):
    """A key cannot be issued for this."""

    def __init__(self) -> None:
        super().__init__(f"no such scope: choose of {', '.join(Scope)}")


@dataclass(frozen=True, slots=True)
class ClientKey:
    """A key, as the lines of the ledger tell of it.

    Attributes
    ----------
    key_id
        What it is called by; no secret.
    client
        Whose it is.
    scopes
        What it opens.
    rate_per_second
        Instances that it may ask for in the long run; None where the policy decides.
    issued_at, expires_at
        Its life, as it was given.
    ends_at
        When it ends in truth: it expires, was revoked or replaced, or the account was disabled.
    digest
        ``sha256:…`` of the key.
    """

    key_id: str
    client: str
    scopes: frozenset[Scope]
    rate_per_second: float | None
    issued_at: datetime
    expires_at: datetime
    ends_at: datetime
    digest: str

    def stands(self, at: datetime) -> bool:
        """Tell whether it opens anything at this moment."""
        return at < self.ends_at


def new_key() -> tuple[str, str]:
    """Draw a key, and return its id and the whole."""
    key_id = secrets.token_hex(6)
    return key_id, f"cg_{key_id}_{secrets.token_urlsafe(32)}"


def digest_of_key(key: str) -> str:
    """Return ``sha256:…`` of a key, by which it is known."""
    return "sha256:" + hashlib.sha256(key.encode()).hexdigest()


def scopes_of(words: Collection[str]) -> frozenset[Scope]:
    """Return the scopes that are called `words`.

    Raises
    ------
    UnknownScope
        If one is none.
    """
    if not set(words) <= set(Scope):
        raise UnknownScope
    return frozenset(map(Scope, words))


def client_keys_in(acts: Iterable[Act]) -> list[ClientKey]:
    """Return the keys that these lines of the ledger tell of, in the order of their issue."""
    lines = list(acts)
    ends: dict[str, list[datetime]] = {}
    for act in lines:
        if act.action == REVOKED:
            ends.setdefault(act.digest, []).append(datetime.fromisoformat(act.facts["ends"]))
        elif act.action == DISABLED:
            ends.setdefault(act.subject, []).append(datetime.fromisoformat(act.at))
    return [_client_key(act, ends) for act in lines if act.action == ISSUED]


def _client_key(act: Act, ends: dict[str, list[datetime]]) -> ClientKey:
    facts = act.facts
    expires = datetime.fromisoformat(facts["expires"])
    return ClientKey(
        key_id=facts["key_id"],
        client=act.subject,
        scopes=frozenset(map(Scope, facts["scopes"])),
        rate_per_second=facts["rate"],
        issued_at=datetime.fromisoformat(act.at),
        expires_at=expires,
        ends_at=min([expires, *ends.get(act.digest, []), *ends.get(act.subject, [])]),
        digest=act.digest,
    )
