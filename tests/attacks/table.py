"""Every attack, by family."""

from __future__ import annotations

from tests.attacks import (
    ajax,
    alias,
    artifacts,
    direct_sql_sqlite,
    graphql,
    identity,
    mangled,
    native,
    python_client,
    races,
    replay,
    rest,
)
from tests.attacks.attack import Attack

FAMILIES: dict[str, tuple[Attack, ...]] = {
    "REST, api": rest.ATTACKS,
    "REST, ajax-api": ajax.ATTACKS,
    "mangled requests": mangled.ATTACKS,
    "native routes": native.ATTACKS,
    "GraphQL": graphql.ATTACKS,
    "Python client": python_client.ATTACKS,
    "artifact routes": artifacts.ATTACKS,
    "identity": identity.ATTACKS,
    "races": races.ATTACKS,
    "replay": replay.ATTACKS,
    "direct SQL": direct_sql_sqlite.ATTACKS,
    "forged alias": alias.ATTACKS,
}
"""Each family that the sign-off has to hold against."""
