"""Versions as they were registered: lines of the ledger, which MLflow's rows and tags only show.

What a reviewer signs and what is promoted is read from here. A row that somebody wrote into MLflow's database has no
line; a tag that was changed there differs from the one that its version was born with.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from sqlalchemy import Connection

from governance.ledger import Act, Ledger
from registry import names
from registry.approvals import VersionKey
from registry.versions import RegisteredVersion, UnknownVersion

REGISTERED = "version.create"
"""Act of the ledger: a version was registered."""


@dataclass(frozen=True)
class Registration:
    """A version, as it was registered.

    Attributes
    ----------
    key, digest
        Which one, and its content.
    location
        MLflow's address of its files.
    tags
        Those that it was born with.
    line
        The ledger's.
    """

    key: VersionKey
    digest: str
    location: str
    tags: Mapping[str, str]
    line: int

    @property
    def author(self) -> str:
        """Who ran it."""
        return self.tags[names.AUTHOR]

    @property
    def signatures(self) -> int:
        """How many have to sign."""
        return int(self.tags[names.SIGNATURES])

    @property
    def born(self) -> dict[str, str]:
        """The tags that are written once: all but the verdict, which the server goes on to stamp."""
        return {key: value for key, value in self.tags.items() if key != names.APPROVAL}

    @property
    def run_key(self) -> str:
        """The run that made it."""
        return self.tags[names.RUN_KEY]

    @property
    def recipe(self) -> str:
        """The run's name without what it was compared with."""
        return self.tags.get(names.RECIPE, "")


def record_registration(
    connection: Connection,
    ledger: Ledger,
    key: VersionKey,
    *,
    by: str,
    location: str,
    tags: Mapping[str, str],
) -> None:
    """Write down that a version was registered, once, inside one `exclusive` transaction."""
    if any(VersionKey.of(act) == key for act in ledger.sealed_within(connection, REGISTERED, subject=key.subject)):
        return
    facts = {"created_ms": key.created_ms, "location": location, "tags": dict(tags)}
    ledger.append_within(connection, by, REGISTERED, key.subject, digest=tags[names.DIGEST], **facts)


def registration_of(ledger: Ledger, key: VersionKey) -> Registration | None:
    """Return how a version was registered, None where the ledger knows nothing of it."""
    found = (_registration(act) for act in ledger.sealed(REGISTERED, subject=key.subject))
    return next((item for item in found if item.key == key), None)


def newest_registration(ledger: Ledger, model: str, version: int) -> Registration:
    """Return how the version of this number was registered, the last time that there was one.

    Raises
    ------
    UnknownVersion
        If there never was one.
    """
    act = next(ledger.sealed(REGISTERED, subject=f"{model}/{version}", newest_first=True), None)
    if act is None:
        raise UnknownVersion(model, version)
    return _registration(act)


def registrations(ledger: Ledger) -> list[Registration]:
    """Return how every version was registered, in order."""
    return [_registration(act) for act in ledger.sealed(REGISTERED)]


def registered_models(known: Iterable[Registration]) -> list[str]:
    """Return the models of which versions were registered, by name."""
    return sorted({item.key.model for item in known})


def tags_astray(registered: Registration, version: RegisteredVersion) -> dict[str, str]:
    """Return the tags of a version that are not as it was born with, with the value that they had then."""
    return {key: value for key, value in registered.born.items() if version.tags.get(key) != value}


def _registration(act: Act) -> Registration:
    return Registration(VersionKey.of(act), act.digest, act.facts["location"], act.facts["tags"], act.seq)
