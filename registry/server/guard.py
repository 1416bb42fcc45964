"""Who may write: the acting account is looked up, the rule asked, and a refusal recorded before it is said."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NoReturn

from mlflow.exceptions import MlflowException
from mlflow.protos.databricks_pb2 import PERMISSION_DENIED
from sqlalchemy import Engine

from caregate.clock import Clock
from governance.ledger import Ledger
from governance.people import People, Person
from registry.actor import current_actor, mark_recorded
from registry.policy import Decision
from registry.server.throttle import Throttle

LONGEST = 200
"""Characters of a name that a line keeps; the longest account and model that the home makes are shorter."""
REFUSALS_PER_MINUTE = 300
"""Of an account, that leave a line each: whoever hammers is counted, and does not bury what others did."""
NOBODY = "nobody is signed in: the registry is written by known accounts alone"


class Guard:
    """Asks a rule on behalf of whoever acts, and leaves the ledger's line.

    Parameters
    ----------
    governance
        The governance database.
    clock
        Tells the moment of an act.
    """

    def __init__(self, governance: Engine, clock: Clock) -> None:
        self._clock = clock
        self._ledger = Ledger(governance, clock)
        self._throttle = Throttle(REFUSALS_PER_MINUTE)
        self._people = People(governance, clock)

    def actor(self, noun: str, subject: str) -> Person:
        """Return who acts; an unknown one is refused."""
        name = current_actor()
        if name is None:
            self.refuse("unknown", noun, subject, NOBODY)
        person = self._people.find(name)
        if person is None:
            self.refuse(name, noun, subject, f"no account of Caregate is named {name}: see `caregate users add`")
        return person

    def permit(self, noun: str, subject: str, decide: Callable[[Person], Decision]) -> Person:
        """Return who acts if `decide` lets them."""
        actor = self.actor(noun, subject)
        decision = decide(actor)
        if not decision.allowed:
            self.refuse(actor.name, noun, subject, decision.why)
        return actor

    def act(
        self, action: str, subject: str, decide: Callable[[Person], Decision], *, digest: str = "", **detail: Any
    ) -> Person:
        """Return who acts if `decide` lets them, and write down what they do."""
        actor = self.permit(action.split(".", 1)[0], subject, decide)
        self._ledger.append(actor.name, action, _fitting(subject), digest=digest, **detail)
        return actor

    def never(self, action: str, subject: str, why: str) -> NoReturn:
        """Refuse, whoever acts."""
        noun = action.split(".", 1)[0]
        self.refuse(self.actor(noun, subject).name, noun, subject, why)

    def refuse(self, actor: str, noun: str, subject: str, why: str) -> NoReturn:
        """Write the refusal down, and raise it in words that MLflow's page shows."""
        unsaid = self._throttle.admit(actor, self._clock())
        if unsaid is not None:
            more: dict[str, Any] = {"unsaid": unsaid} if unsaid else {}
            self._ledger.append(_fitting(actor), f"{noun}.refuse", _fitting(subject), why=_visible(why), **more)
        mark_recorded()
        raise MlflowException(f"Refused: {why}.", PERMISSION_DENIED)


def _fitting(name: str) -> str:
    """Return a name that somebody sent as every database can keep it: no line is lost because it was odd."""
    shown = _visible(name)
    return shown if len(shown) <= LONGEST else f"{shown[: LONGEST - 1]}…"


def _visible(text: str) -> str:
    return text if text.isprintable() else "".join(item if item.isprintable() else "?" for item in text)
