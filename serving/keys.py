"""The keys of clients: who asks, and whether it may."""

from __future__ import annotations

from governance.people import People, Role
from serving.problems import Unauthorized


class Keys:
    """Tells clients by their bearer keys.

    Parameters
    ----------
    people
        Accounts and keys of the home.
    """

    def __init__(self, people: People) -> None:
        self._people = people

    def client(self, key: str) -> str:
        """Return the client whose key this is.

        Raises
        ------
        Unauthorized
            If it was never issued, was disabled, has expired, or its account is no CRM's any more.
        """
        name = self._people.client_of(key)
        account = self._people.find(name) if name else None
        if account is None or account.disabled or account.role is not Role.CRM:
            raise Unauthorized
        return account.name
