"""The ledger's lines about one model: those that count, and those that lie there without a true seal."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from sqlalchemy import Engine, func, select

from governance import seals
from governance.incident import ADVANCED, NOTED, OPENED
from governance.ledger import Act, Ledger
from governance.schema import acts
from registry.approvals import VERDICTS
from registry.judged import JUDGED
from registry.promotions import PROMOTED
from registry.proving import PROVEN, UNPROVEN
from registry.registrations import REGISTERED
from registry.suspension import RESUMED, SUSPENDED

ROLLED_BACK = "model.rollback"
REFUSED = ("approval.refuse", "version.refuse", "alias.refuse", "tag.refuse", "model.refuse")
INCIDENT = (OPENED, ADVANCED, NOTED)
TOLD = (
    *(JUDGED, REGISTERED, PROVEN, UNPROVEN, PROMOTED, ROLLED_BACK, SUSPENDED, RESUMED),
    *VERDICTS,
    *REFUSED,
    *INCIDENT,
)
"""Acts that the history of a model is made of."""


@dataclass(frozen=True, slots=True)
class ModelLines:
    """What the ledger holds about a model.

    Attributes
    ----------
    model
        Which one.
    sealed
        The lines that count, in order.
    unsealed
        Numbers of lines about it that count for nothing.
    missing
        How many lines of the whole ledger are not there, by its numbers.
    """

    model: str
    sealed: Sequence[Act]
    unsealed: Sequence[int]
    missing: int


def read_lines(engine: Engine, model: str) -> ModelLines:
    """Return the lines about `model`.

    Raises
    ------
    governance.seals.SealKeyMissing
        If the database was opened without the home's key.
    """
    key, ledger = seals.required_key(engine), Ledger(engine)
    about = [act for action in TOLD for act in ledger.read(action=action) if _may_be_about(act, model)]
    sealed = [act for act in about if act.is_sealed(key)]
    unsealed = [act.seq for act in about if not act.is_sealed(key) and act.action not in INCIDENT]
    kept = _with_incidents(sealed, model)
    return ModelLines(model, sorted(kept, key=lambda act: act.seq), sorted(unsealed), _missing(engine))


def is_of(subject: str, model: str) -> bool:
    """Tell whether a line's subject is a model, or something of it."""
    return subject == model or subject.startswith(f"{model}/")


def _may_be_about(act: Act, model: str) -> bool:
    return act.action in INCIDENT or is_of(act.subject, model)


def _with_incidents(sealed: Iterable[Act], model: str) -> list[Act]:
    """Keep of the incidents' lines those of incidents about the model."""
    lines = list(sealed)
    ours = {act.subject for act in lines if act.action == OPENED and is_of(act.facts["about"], model)}
    return [act for act in lines if act.action not in INCIDENT or act.subject in ours]


def _missing(engine: Engine) -> int:
    with engine.connect() as connection:
        last, count = connection.execute(select(func.max(acts.c.seq), func.count())).one()
    return int(last or 0) - int(count)
