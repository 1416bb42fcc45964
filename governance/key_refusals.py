"""Refused keys, counted: by the id of a key that is known, or else by the network that asked, under a pseudonym."""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Mapping
from datetime import datetime
from ipaddress import ip_address, ip_network

from sqlalchemy import Engine, func, insert, select

from governance.schema import key_refusals

PURPOSE = "networks of clients"
"""Names the key of the pseudonyms among those that a home draws from one secret."""
NETWORK = {4: 24, 6: 48}
"""Bits of an address that name a network: what one provider's customer has of the one and of the other kind."""
UNNAMED = "net-unnamed"


class KeyRefusals:
    """The table of refusals.

    Parameters
    ----------
    engine
        The governance database.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def add(self, counts: Mapping[tuple[str, str], int], at: datetime) -> None:
        """Write how often each (why, whose) was refused until `at`."""
        rows = [
            {"id": secrets.token_hex(16), "at": at, "why": why, "whose": whose, "times": times}
            for (why, whose), times in counts.items()
        ]
        if rows:
            with self._engine.begin() as connection:
                connection.execute(insert(key_refusals), rows)

    def since(self, moment: datetime) -> dict[tuple[str, str], int]:
        """Return how often each (why, whose) was refused after `moment`."""
        query = select(key_refusals.c.why, key_refusals.c.whose, func.sum(key_refusals.c.times))
        query = query.where(key_refusals.c.at > moment).group_by(key_refusals.c.why, key_refusals.c.whose)
        with self._engine.connect() as connection:
            return {(why, whose): int(times) for why, whose, times in connection.execute(query)}


def network_of(address: str, key: bytes) -> str:
    """Return the pseudonym of the network that `address` lies in, such as ``net-1f0c…``; it cannot be turned back."""
    try:
        found = ip_address(address)
    except ValueError:
        return UNNAMED
    network = ip_network((found, NETWORK[found.version]), strict=False)
    return "net-" + hmac.digest(key, str(network).encode(), "sha256").hex()[:12]
