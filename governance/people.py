"""Who may do what: people and service accounts."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from sqlalchemy import Connection, Engine

from caregate.clock import Clock, system_clock
from caregate.errors import BadInput, NotFound
from governance.database import exclusive
from governance.ledger import Act, Ledger

ADDED, DISABLED = "user.add", "user.disable"
"""Acts of the ledger: they are all that an account is."""


class Role(StrEnum):
    """What an account is for; an account has one role."""

    ENGINEER = "engineer"
    REVIEWER = "reviewer"
    CLINICAL_REVIEWER = "clinical-reviewer"
    PROMOTER = "promoter"
    CRM = "crm"
    AUDITOR = "auditor"
    ADMIN = "admin"

    @property
    def signs(self) -> bool:
        """Whether the role may approve a version."""
        return self in (Role.REVIEWER, Role.CLINICAL_REVIEWER)


@dataclass(frozen=True, slots=True)
class Person:
    """An account: a person's, or a service's."""

    name: str
    role: Role
    service: bool
    disabled: bool


class AccountExists(BadInput):
    """An account of this name exists already; names are never used twice."""

    def __init__(self, name: str) -> None:
        super().__init__(f"an account named {name!r} exists already; names are never used twice")


class UnknownRole(BadInput):
    """No role has this name."""

    def __init__(self) -> None:
        given = [role for role in Role if role is not Role.PROMOTER]  # that one is the promoter service's alone
        super().__init__(f"no such role: choose one of {', '.join(given)}")


class UnknownAccount(NotFound):
    """No account has this name."""

    def __init__(self, name: str) -> None:
        super().__init__(f"no account is named {name!r}: see `caregate users list`")


class People:
    """The accounts of a home."""

    def __init__(self, engine: Engine, clock: Clock = system_clock) -> None:
        self._engine = engine
        self._clock = clock
        self._ledger = Ledger(engine, clock)

    def add(self, name: str, role: Role, *, by: str, service: bool = False, sign_in: str = "") -> Person:
        """Add an account; `sign_in` is the digest of what is kept of its password.

        Raises
        ------
        AccountExists
            If the name was ever used.
        """
        with exclusive(self._engine) as connection:
            if self._lines(connection, name):
                raise AccountExists(name)
            self._ledger.append_within(connection, by, ADDED, name, digest=sign_in, role=role.value, service=service)
        return Person(name, role, service, disabled=False)

    def disable(self, name: str, *, by: str) -> None:
        """Disable an account for good.

        Raises
        ------
        UnknownAccount
            If no account has this name.
        """
        with exclusive(self._engine) as connection:
            if not self._lines(connection, name):
                raise UnknownAccount(name)
            self._ledger.append_within(connection, by, DISABLED, name)

    def all(self) -> list[Person]:
        """Return every account, by name."""
        lines: dict[str, list[Act]] = {}
        for act in self._ledger.sealed(ADDED, DISABLED):
            lines.setdefault(act.subject, []).append(act)
        return [_person(lines[name]) for name in sorted(lines)]

    def find(self, name: str) -> Person | None:
        """Return the account named `name`, disabled or not."""
        with self._engine.connect() as connection:
            lines = self._lines(connection, name)
        return _person(lines) if lines else None

    def _lines(self, connection: Connection, name: str) -> list[Act]:
        return list(self._ledger.sealed_within(connection, ADDED, DISABLED, subject=name))


def _person(lines: list[Act]) -> Person:
    facts = lines[0].facts
    disabled = any(act.action == DISABLED for act in lines)
    return Person(lines[0].subject, Role(facts["role"]), facts["service"], disabled)
