"""MLflow's store of sign-ins, as the server sees it: it checks passwords, and changes nothing but a person's own.

Accounts, passwords and permissions are made and ended by `caregate users` alone, which needs no server. Whoever could
change them here, MLflow's administrator before all, could sign as somebody else. Every method that writes is refused;
one that a new MLflow brings is refused until somebody has looked at it.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets as chance
from collections.abc import Callable
from functools import wraps
from typing import Any, NoReturn

from mlflow.exceptions import MlflowException
from mlflow.protos.databricks_pb2 import PERMISSION_DENIED
from mlflow.server.auth.sqlalchemy_store import SqlAlchemyStore
from sqlalchemy import Engine
from werkzeug.security import check_password_hash

from caregate.clock import Clock
from governance.ledger import Ledger
from governance.people import People
from registry.actor import current_visit
from registry.policy import OWN_PASSWORD
from registry.server.guard import Guard
from registry.server.refusals import RefusalBook
from registry.sign_ins import PASSWORD_HASH, is_of_the_ledger, mark_of

READING = ("get_", "list_", "has_", "is_", "user_has_", "authenticate_")
"""First words of methods that only read."""
HOUSEKEEPING = ("init_db",)
GRANTED_BY_MLFLOW = ("grant_user_permission",)
"""What MLflow calls by itself after an act that the guarded stores let through, so that who acted owns the thing.
Here nobody owns a thing: what an account may do follows from its role."""
CLOSED = "accounts, passwords and permissions are changed by `caregate users` alone"
NOT_THE_OWNER = "a password is changed here by its owner alone; see `caregate users reset`"
REMEMBERED = 1_000


class GuardedSignIns(SqlAlchemyStore):  # type: ignore[misc]
    """The store of sign-ins, guarded.

    Parameters
    ----------
    governance
        The governance database, which knows who is an account and who was disabled.
    book
        Where failed sign-ins are counted.
    clock
        Tells the moment of an act.
    """

    def __init__(self, governance: Engine, book: RefusalBook, clock: Clock) -> None:
        super().__init__()
        self._guard = Guard(governance, clock)
        self._ledger = Ledger(governance, clock)
        self._people = People(governance, clock)
        self._book = book
        self._key = chance.token_bytes(32)
        self._proven: set[bytes] = set()

    def authenticate_user(self, username: str, password: str, *, use_primary: bool = False) -> bool:  # noqa: ARG002
        """Tell whether the password is the account's, and the account one that may come in.

        Raises
        ------
        MlflowException
            If the password is right and the account disabled, or unknown to the ledger.
        """
        visit = current_visit()
        if visit is not None and visit.checked == (username, password):
            return True
        stored = self._stored(username)
        if stored is None or not self._matches(stored, password):
            if visit is not None:  # MLflow tries its own default password at each start: that is nobody's guess
                self._book.failed_sign_in(username)
            return False
        person = self._people.find(username)
        if person is None or person.disabled:
            self._turn_away(username, known=person is not None)
        if not is_of_the_ledger(self._ledger, username, stored):
            self._book.failed_sign_in(username)  # written into the database past the server: nobody knows by whom
            return False
        if visit is not None:
            visit.checked = (username, password)
        return True

    def update_user(self, username: str, password: str | None = None, is_admin: bool | None = None) -> Any:
        """Change a person's own password; MLflow's route has asked for the old one."""
        actor = self._guard.actor("user", self._subject(username))
        if is_admin is not None or password is None:
            self._guard.never("user.change", self._subject(username), CLOSED)
        if actor.name != username or actor.service:
            self._guard.never("user.change", self._subject(username), NOT_THE_OWNER)
        changed = super().update_user(username, password=password)
        mark = mark_of(self._stored(username) or "")
        self._ledger.append(actor.name, OWN_PASSWORD, actor.name, digest=mark)  # without it the password opens nothing
        return changed

    def _stored(self, username: str) -> str | None:
        # asked at every request: as one bare query, a tenth of what MLflow's own look-up takes
        with self.engine.connect() as connection:
            found = connection.execute(PASSWORD_HASH, {"name": username}).scalar_one_or_none()
        return str(found) if found else None

    def _matches(self, stored: str, password: str) -> bool:
        # A check takes a tenth of a second. The stored hash is part of what is remembered: with a new password, set by
        # whichever process, what was remembered of the old one is of no use from the next request on.
        proof = hmac.digest(self._key, f"{stored}\n{password}".encode(), hashlib.sha256)
        if proof in self._proven:
            return True
        if not check_password_hash(stored, password):
            return False
        if len(self._proven) >= REMEMBERED:
            self._proven.clear()
        self._proven.add(proof)
        return True

    def _turn_away(self, username: str, *, known: bool) -> NoReturn:
        visit = current_visit()
        if visit is not None and known:
            visit.proven = username  # so that the line at the edge says whose account it was
        why = f"the account {username} is disabled" if known else f"no account of Caregate is named {username}"
        raise MlflowException(f"Refused: {why}.", PERMISSION_DENIED)

    def _subject(self, username: object) -> str:
        return str(username) if self._people.find(str(username)) else "unknown"


def writes(store: type) -> list[str]:
    """Return the names of the public methods of `store` that write, or may."""
    public = [name for name in dir(store) if not name.startswith("_") and callable(getattr(store, name))]
    return [name for name in public if not name.startswith(READING) and name not in HOUSEKEEPING]


def _refused(name: str, method: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(method)
    def write(self: GuardedSignIns, *args: Any, **_: Any) -> Any:
        if name not in GRANTED_BY_MLFLOW:
            self._guard.never("user.change", self._subject(args[0] if args else None), CLOSED)

    return write


for _name in writes(SqlAlchemyStore):
    if _name not in vars(GuardedSignIns):
        setattr(GuardedSignIns, _name, _refused(_name, getattr(SqlAlchemyStore, _name)))
