"""Which version came into use when: lines of the ledger. MLflow's alias only shows what they say."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from governance.ledger import Ledger
from registry.approvals import VersionKey

PROMOTED = "version.promote"
"""Act of the ledger: a version came into use."""


@dataclass(frozen=True, slots=True)
class Promotion:
    """A version came into use.

    Attributes
    ----------
    key, digest
        Which one, and its content.
    run_key, recipe
        Names of the run that made it: with and without what it was compared with.
    by, at
        Who put it in use, and when.
    line
        The ledger's.
    """

    key: VersionKey
    digest: str
    run_key: str
    recipe: str
    by: str
    at: datetime
    line: int


def promotions_of(ledger: Ledger, model: str) -> Iterator[Promotion]:
    """Yield the promotions of `model`, the newest first."""
    for act in ledger.sealed(PROMOTED, newest_first=True):
        key, facts = VersionKey.of(act), act.facts
        if key.model == model:
            at = datetime.fromisoformat(act.at)
            yield Promotion(key, act.digest, facts["run_key"], facts["recipe"], act.actor, at, act.seq)


def in_use(ledger: Ledger, model: str, *, at: datetime | None = None) -> Promotion | None:
    """Return the promotion that put in use what is in use now, or was at the moment `at`; None where none was."""
    found = (promotion for promotion in promotions_of(ledger, model) if at is None or promotion.at <= at)
    return next(found, None)


def before(ledger: Ledger, model: str) -> Promotion | None:
    """Return the promotion of the version that was in use before the one that is, None where there was none."""
    newest_first = promotions_of(ledger, model)
    current = next(newest_first, None)
    return next((item for item in newest_first if current and item.key != current.key), None)


def was_in_use(ledger: Ledger, key: VersionKey) -> bool:
    """Tell whether a version ever was in use."""
    return any(VersionKey.of(act) == key for act in ledger.sealed(PROMOTED, subject=key.subject))
